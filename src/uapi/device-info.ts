import { VfioError } from '../base/errors.ts'
import { type DeviceCapability, decodeDeviceCapability } from './device-capabilities.ts'
import { infoCapabilities } from './info-capabilities.ts'
import { decode } from './struct.ts'

/** struct vfio_device_info, of VFIO_DEVICE_GET_INFO. Kernel 6.6 appended 4 bytes of padding, which nothing reads. */
export const vfioDeviceInfo = {
  name: 'vfio_device_info',
  size: 20,
  fields: {
    argsz: [0, 'u32'],
    flags: [4, 'u32'],
    num_regions: [8, 'u32'],
    num_irqs: [12, 'u32'],
    cap_offset: [16, 'u32'],
  },
} as const

export const deviceFlag = {
  VFIO_DEVICE_FLAGS_RESET: 0x1,
  VFIO_DEVICE_FLAGS_PCI: 0x2,
  VFIO_DEVICE_FLAGS_PLATFORM: 0x4,
  VFIO_DEVICE_FLAGS_AMBA: 0x8,
  VFIO_DEVICE_FLAGS_CCW: 0x10,
  VFIO_DEVICE_FLAGS_AP: 0x20,
  VFIO_DEVICE_FLAGS_FSL_MC: 0x40,
  VFIO_DEVICE_FLAGS_CAPS: 0x80,
  VFIO_DEVICE_FLAGS_CDX: 0x100,
} as const

/** VFIO_DEVICE_FLAGS_* by name. */
export interface DeviceFlags {
  /** VFIO_DEVICE_RESET works. */
  readonly reset: boolean
  readonly pci: boolean
  readonly platform: boolean
  readonly amba: boolean
  readonly ccw: boolean
  readonly ap: boolean
  readonly fslMc: boolean
  /** The answer may carry capabilities. */
  readonly caps: boolean
  readonly cdx: boolean
}

/** struct vfio_device_info and the capabilities behind it. */
export interface DeviceInfo {
  readonly flags: DeviceFlags
  /** Region indexes 0..numRegions-1 are the usual ones; some may be missing, and a device may answer for others. */
  readonly numRegions: number
  readonly numIrqs: number
  readonly capabilities: readonly DeviceCapability[]
}

/** Above this, a count is taken for garbage: walking it would be taken for a hang. */
const maxIndexes = 4096

/** `answer` ends where the kernel's answer does. Throws KERNEL_ANSWER where it makes no sense. */
export function decodeDeviceInfo(answer: Uint8Array): DeviceInfo {
  const { flags, num_regions, num_irqs, cap_offset } = decode(vfioDeviceInfo, answer)
  if (num_regions > maxIndexes || num_irqs > maxIndexes) {
    throw new VfioError(
      'KERNEL_ANSWER',
      `a device with ${num_regions} regions and ${num_irqs} irqs is not believable`,
      {
        facts: { numRegions: num_regions, numIrqs: num_irqs, limit: maxIndexes },
      },
    )
  }
  const named = deviceFlags(flags)
  const chain = named.caps ? infoCapabilities(vfioDeviceInfo.name, answer, cap_offset, vfioDeviceInfo.size) : []
  return {
    flags: named,
    numRegions: num_regions,
    numIrqs: num_irqs,
    capabilities: chain.map((capability) => decodeDeviceCapability(capability)),
  }
}

function deviceFlags(flags: number): DeviceFlags {
  return {
    reset: (flags & deviceFlag.VFIO_DEVICE_FLAGS_RESET) !== 0,
    pci: (flags & deviceFlag.VFIO_DEVICE_FLAGS_PCI) !== 0,
    platform: (flags & deviceFlag.VFIO_DEVICE_FLAGS_PLATFORM) !== 0,
    amba: (flags & deviceFlag.VFIO_DEVICE_FLAGS_AMBA) !== 0,
    ccw: (flags & deviceFlag.VFIO_DEVICE_FLAGS_CCW) !== 0,
    ap: (flags & deviceFlag.VFIO_DEVICE_FLAGS_AP) !== 0,
    fslMc: (flags & deviceFlag.VFIO_DEVICE_FLAGS_FSL_MC) !== 0,
    caps: (flags & deviceFlag.VFIO_DEVICE_FLAGS_CAPS) !== 0,
    cdx: (flags & deviceFlag.VFIO_DEVICE_FLAGS_CDX) !== 0,
  }
}
