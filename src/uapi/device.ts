import { VfioError } from '../base/errors.ts'
import { decode, type InfoCapability, infoCapabilities, vfioInfoCapHeader } from './struct.ts'

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

/** VFIO_DEVICE_FLAGS_*. */
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

/** `answer` ends where the kernel's answer does. Throws MALFORMED_REPLY if it makes no sense. */
export function decodeDeviceInfo(answer: Uint8Array): DeviceInfo {
  const { flags, num_regions, num_irqs, cap_offset } = decode(vfioDeviceInfo, answer)
  if (num_regions > maxIndexes || num_irqs > maxIndexes) {
    throw new VfioError(
      'MALFORMED_REPLY',
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

/** Capability ids behind VFIO_DEVICE_GET_INFO (linux/vfio.h; 1-4 are laid out in linux/vfio_zdev.h). */
export const deviceCapability = {
  VFIO_DEVICE_INFO_CAP_ZPCI_BASE: 1,
  VFIO_DEVICE_INFO_CAP_ZPCI_GROUP: 2,
  VFIO_DEVICE_INFO_CAP_ZPCI_UTIL: 3,
  VFIO_DEVICE_INFO_CAP_ZPCI_PFIP: 4,
  VFIO_DEVICE_INFO_CAP_PCI_ATOMIC_COMP: 5,
} as const

/** struct vfio_device_info_cap_pci_atomic_comp. */
export const vfioDeviceInfoCapPciAtomicComp = {
  name: 'vfio_device_info_cap_pci_atomic_comp',
  size: 16,
  fields: { flags: [8, 'u32'], reserved: [12, 'u32'] },
} as const

/** VFIO_PCI_ATOMIC_COMP*. */
export const atomicCompleterFlag = {
  VFIO_PCI_ATOMIC_COMP32: 0x1,
  VFIO_PCI_ATOMIC_COMP64: 0x2,
  VFIO_PCI_ATOMIC_COMP128: 0x4,
} as const

/**
 * A capability of a device’s info (VFIO_DEVICE_GET_INFO); `unknown` with its bytes if this library does not decode it.
 */
export type DeviceCapability =
  /** The widths of PCIe atomic operations that the root port completes. */
  | { readonly name: 'pci-atomic-comp'; readonly widths: readonly (32 | 64 | 128)[] }
  | {
      readonly name: 'zpci-base' | 'zpci-group' | 'zpci-util' | 'zpci-pfip'
      readonly version: number
      readonly data: Uint8Array
    }
  | { readonly name: 'unknown'; readonly id: number; readonly version: number; readonly data: Uint8Array }

/** Throws MALFORMED_REPLY if the capability is shorter than its struct. What is not known is kept as it came. */
function decodeDeviceCapability({ id, version, bytes }: InfoCapability): DeviceCapability {
  const data = bytes.slice(vfioInfoCapHeader.size)
  switch (id) {
    case deviceCapability.VFIO_DEVICE_INFO_CAP_ZPCI_BASE:
      return { name: 'zpci-base', version, data }
    case deviceCapability.VFIO_DEVICE_INFO_CAP_ZPCI_GROUP:
      return { name: 'zpci-group', version, data }
    case deviceCapability.VFIO_DEVICE_INFO_CAP_ZPCI_UTIL:
      return { name: 'zpci-util', version, data }
    case deviceCapability.VFIO_DEVICE_INFO_CAP_ZPCI_PFIP:
      return { name: 'zpci-pfip', version, data }
    case deviceCapability.VFIO_DEVICE_INFO_CAP_PCI_ATOMIC_COMP:
      if (version === 1) return { name: 'pci-atomic-comp', widths: completedWidths(bytes) }
  }
  return { name: 'unknown', id, version, data }
}

function completedWidths(bytes: Uint8Array): (32 | 64 | 128)[] {
  const { flags } = decode(vfioDeviceInfoCapPciAtomicComp, bytes)
  const widths: (32 | 64 | 128)[] = []
  if ((flags & atomicCompleterFlag.VFIO_PCI_ATOMIC_COMP32) !== 0) widths.push(32)
  if ((flags & atomicCompleterFlag.VFIO_PCI_ATOMIC_COMP64) !== 0) widths.push(64)
  if ((flags & atomicCompleterFlag.VFIO_PCI_ATOMIC_COMP128) !== 0) widths.push(128)
  return widths
}

/**
 * struct vfio_device_bind_iommufd, of VFIO_DEVICE_BIND_IOMMUFD; up to out_devid before Linux 6.17, which added the
 * rest.
 */
export const vfioDeviceBindIommufd = {
  name: 'vfio_device_bind_iommufd',
  size: 24,
  fields: {
    argsz: [0, 'u32'],
    flags: [4, 'u32'],
    iommufd: [8, 's32'],
    out_devid: [12, 'u32'],
    token_uuid_ptr: [16, 'u64'],
  },
} as const

/** VFIO_DEVICE_BIND_FLAG_*. */
export const bindIommufdFlag = { VFIO_DEVICE_BIND_FLAG_TOKEN: 0x1 } as const

/** struct vfio_device_attach_iommufd_pt, of VFIO_DEVICE_ATTACH_IOMMUFD_PT; pt_id in: an IOAS, out: its page table. */
export const vfioDeviceAttachIommufdPt = {
  name: 'vfio_device_attach_iommufd_pt',
  size: 12,
  fields: { argsz: [0, 'u32'], flags: [4, 'u32'], pt_id: [8, 'u32'] },
} as const

/** struct vfio_device_detach_iommufd_pt, of VFIO_DEVICE_DETACH_IOMMUFD_PT. */
export const vfioDeviceDetachIommufdPt = {
  name: 'vfio_device_detach_iommufd_pt',
  size: 8,
  fields: { argsz: [0, 'u32'], flags: [4, 'u32'] },
} as const
