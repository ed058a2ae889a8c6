import { VfioError } from '../base/errors.ts'
import { decode, type InfoCapability, infoCapabilities, vfioInfoCapHeader } from './struct.ts'

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

/** VFIO_REGION_INFO_FLAG_*. */
export const regionFlag = {
  VFIO_REGION_INFO_FLAG_READ: 0x1,
  VFIO_REGION_INFO_FLAG_WRITE: 0x2,
  VFIO_REGION_INFO_FLAG_MMAP: 0x4,
  VFIO_REGION_INFO_FLAG_CAPS: 0x8,
} as const

/** Accesses that a region allows (VFIO_REGION_INFO_FLAG_*). */
export interface RegionFlags {
  readonly read: boolean
  readonly write: boolean
  /** The region, or what a sparse-mmap capability lists of it, can be mapped. */
  readonly mmap: boolean
}

/** Answer of VFIO_DEVICE_GET_REGION_INFO. */
export interface RegionInfo {
  readonly index: number
  readonly flags: RegionFlags
  /** Bytes; 0 for a region that is not there. */
  readonly size: bigint
  /** Offset in the device's file, in bytes. */
  readonly offset: bigint
  readonly capabilities: readonly RegionCapability[]
}

/** `answer` ends where the kernel's answer does. Throws MALFORMED_REPLY if it makes no sense. */
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

/** Capability ids behind VFIO_DEVICE_GET_REGION_INFO (linux/vfio.h). */
export const regionCapability = {
  VFIO_REGION_INFO_CAP_SPARSE_MMAP: 1,
  VFIO_REGION_INFO_CAP_TYPE: 2,
  VFIO_REGION_INFO_CAP_MSIX_MAPPABLE: 3,
} as const

/** struct vfio_region_info_cap_sparse_mmap, before its areas. */
export const vfioRegionInfoCapSparseMmap = {
  name: 'vfio_region_info_cap_sparse_mmap',
  size: 16,
  fields: { nr_areas: [8, 'u32'], reserved: [12, 'u32'] },
} as const

/** struct vfio_region_sparse_mmap_area. */
export const vfioRegionSparseMmapArea = {
  name: 'vfio_region_sparse_mmap_area',
  size: 16,
  fields: { offset: [0, 'u64'], size: [8, 'u64'] },
} as const

/** struct vfio_region_info_cap_type. */
export const vfioRegionInfoCapType = {
  name: 'vfio_region_info_cap_type',
  size: 16,
  fields: { type: [8, 'u32'], subtype: [12, 'u32'] },
} as const

/** Bytes of a region that can be mapped, counted from the region's start. */
export interface SparseArea {
  readonly offset: bigint
  readonly size: bigint
}

/**
 * A capability of a region’s info (VFIO_DEVICE_GET_REGION_INFO); `unknown` with its bytes if this library does not
 * decode it.
 */
export type RegionCapability =
  /** Only these areas of the region can be mapped. */
  | { readonly name: 'sparse-mmap'; readonly areas: readonly SparseArea[] }
  /** Type of a device-specific region (VFIO_REGION_TYPE_*, VFIO_REGION_SUBTYPE_*). */
  | { readonly name: 'type'; readonly type: number; readonly subtype: number }
  /** The region may be mapped although it holds the MSI-X table. */
  | { readonly name: 'msix-mappable' }
  | { readonly name: 'unknown'; readonly id: number; readonly version: number; readonly data: Uint8Array }

/** Throws MALFORMED_REPLY if the capability is shorter than its struct. What is not known is kept as it came. */
function decodeRegionCapability({ id, version, bytes }: InfoCapability): RegionCapability {
  if (version === 1) {
    switch (id) {
      case regionCapability.VFIO_REGION_INFO_CAP_SPARSE_MMAP:
        return { name: 'sparse-mmap', areas: sparseAreas(bytes) }
      case regionCapability.VFIO_REGION_INFO_CAP_TYPE: {
        const { type, subtype } = decode(vfioRegionInfoCapType, bytes)
        return { name: 'type', type, subtype }
      }
      case regionCapability.VFIO_REGION_INFO_CAP_MSIX_MAPPABLE:
        return { name: 'msix-mappable' }
    }
  }
  return { name: 'unknown', id, version, data: bytes.slice(vfioInfoCapHeader.size) }
}

function sparseAreas(bytes: Uint8Array): SparseArea[] {
  const { nr_areas } = decode(vfioRegionInfoCapSparseMmap, bytes)
  const room = Math.floor((bytes.length - vfioRegionInfoCapSparseMmap.size) / vfioRegionSparseMmapArea.size)
  if (nr_areas > room) {
    throw new VfioError(
      'MALFORMED_REPLY',
      `a sparse-mmap capability announces ${nr_areas} areas and has room for ${room}`,
      {
        facts: { struct: vfioRegionInfoCapSparseMmap.name, areas: nr_areas, room, bytes: bytes.length },
      },
    )
  }
  return Array.from({ length: nr_areas }, (_, area) =>
    decode(vfioRegionSparseMmapArea, bytes, vfioRegionInfoCapSparseMmap.size + area * vfioRegionSparseMmapArea.size),
  )
}

/** Region indexes of a PCI device (linux/vfio.h); from VFIO_PCI_NUM_REGIONS on they are the device's own. */
export const pciRegionIndex = {
  VFIO_PCI_BAR0_REGION_INDEX: 0,
  VFIO_PCI_BAR1_REGION_INDEX: 1,
  VFIO_PCI_BAR2_REGION_INDEX: 2,
  VFIO_PCI_BAR3_REGION_INDEX: 3,
  VFIO_PCI_BAR4_REGION_INDEX: 4,
  VFIO_PCI_BAR5_REGION_INDEX: 5,
  VFIO_PCI_ROM_REGION_INDEX: 6,
  VFIO_PCI_CONFIG_REGION_INDEX: 7,
  VFIO_PCI_VGA_REGION_INDEX: 8,
  VFIO_PCI_NUM_REGIONS: 9,
} as const

/** The interrupt indexes of vfio-pci (VFIO_PCI_*_IRQ_INDEX). */
export const pciIrqIndex = {
  VFIO_PCI_INTX_IRQ_INDEX: 0,
  VFIO_PCI_MSI_IRQ_INDEX: 1,
  VFIO_PCI_MSIX_IRQ_INDEX: 2,
  VFIO_PCI_ERR_IRQ_INDEX: 3,
  VFIO_PCI_REQ_IRQ_INDEX: 4,
} as const

/** VFIO_CCW_*_REGION_INDEX. */
export const ccwRegionIndex = { VFIO_CCW_CONFIG_REGION_INDEX: 0 } as const

/** VFIO_CCW_*_IRQ_INDEX. */
export const ccwIrqIndex = {
  VFIO_CCW_IO_IRQ_INDEX: 0,
  VFIO_CCW_CRW_IRQ_INDEX: 1,
  VFIO_CCW_REQ_IRQ_INDEX: 2,
} as const

/** VFIO_AP_*_IRQ_INDEX. */
export const apIrqIndex = { VFIO_AP_REQ_IRQ_INDEX: 0, VFIO_AP_CFG_CHG_IRQ_INDEX: 1 } as const
