import { infoCapabilities } from './info-capabilities.ts'
import { decodeRegionCapability, type RegionCapability } from './region-capabilities.ts'
import { decode } from './struct.ts'

/** struct vfio_region_info, of VFIO_DEVICE_GET_REGION_INFO. */
export const vfioRegionInfo = {
  name: 'vfio_region_info',
  size: 32,
  fields: {
    argsz: [0, 'u32'],
    flags: [4, 'u32'],
    index: [8, 'u32'],
    cap_offset: [12, 'u32'],
    size: [16, 'u64'],
    offset: [24, 'u64'],
  },
} as const

export const regionFlag = {
  VFIO_REGION_INFO_FLAG_READ: 0x1,
  VFIO_REGION_INFO_FLAG_WRITE: 0x2,
  VFIO_REGION_INFO_FLAG_MMAP: 0x4,
  VFIO_REGION_INFO_FLAG_CAPS: 0x8,
} as const

/** What can be done with a region (VFIO_REGION_INFO_FLAG_*). */
export interface RegionFlags {
  readonly read: boolean
  readonly write: boolean
  /** The region, or what a sparse-mmap capability lists of it, can be mapped. */
  readonly mmap: boolean
}

export interface RegionInfo {
  readonly index: number
  readonly flags: RegionFlags
  /** Bytes; 0 for a region that is not there. */
  readonly size: bigint
  /** Where the region begins in the device's file. */
  readonly offset: bigint
  readonly capabilities: readonly RegionCapability[]
}

/** `answer` ends where the kernel's answer does. Throws KERNEL_ANSWER where it makes no sense. */
export function decodeRegionInfo(answer: Uint8Array): RegionInfo {
  const { flags, index, cap_offset, size, offset } = decode(vfioRegionInfo, answer)
  const hasCapabilities = (flags & regionFlag.VFIO_REGION_INFO_FLAG_CAPS) !== 0
  const chain = hasCapabilities ? infoCapabilities(vfioRegionInfo.name, answer, cap_offset, vfioRegionInfo.size) : []
  return {
    index,
    flags: {
      read: (flags & regionFlag.VFIO_REGION_INFO_FLAG_READ) !== 0,
      write: (flags & regionFlag.VFIO_REGION_INFO_FLAG_WRITE) !== 0,
      mmap: (flags & regionFlag.VFIO_REGION_INFO_FLAG_MMAP) !== 0,
    },
    size,
    offset,
    capabilities: chain.map((capability) => decodeRegionCapability(capability)),
  }
}
