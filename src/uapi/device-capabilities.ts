import { type InfoCapability, vfioInfoCapHeader } from './info-capabilities.ts'
import { decode } from './struct.ts'

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

export const atomicCompleterFlag = {
  VFIO_PCI_ATOMIC_COMP32: 0x1,
  VFIO_PCI_ATOMIC_COMP64: 0x2,
  VFIO_PCI_ATOMIC_COMP128: 0x4,
} as const

/** A capability of a device’s info (VFIO_DEVICE_GET_INFO); `unknown` with its bytes if this library does not decode it. */
export type DeviceCapability =
  /** The widths of PCIe atomic operations that the root port completes. */
  | { readonly name: 'pci-atomic-comp'; readonly widths: readonly (32 | 64 | 128)[] }
  | {
      readonly name: 'zpci-base' | 'zpci-group' | 'zpci-util' | 'zpci-pfip'
      readonly version: number
      readonly data: Uint8Array
    }
  | { readonly name: 'unknown'; readonly id: number; readonly version: number; readonly data: Uint8Array }

/** Throws KERNEL_ANSWER where the capability is shorter than its struct. What is not known is kept as it came. */
export function decodeDeviceCapability({ id, version, bytes }: InfoCapability): DeviceCapability {
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
