import { kernelOrder } from '../base/byte-order.ts'
import { VfioError } from '../base/errors.ts'
import { decode, encodeInto } from './struct.ts'

/** struct vfio_pci_hot_reset_info, of VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, before its devices. */
export const vfioPciHotResetInfo = {
  name: 'vfio_pci_hot_reset_info',
  size: 12,
  fields: { argsz: [0, 'u32'], flags: [4, 'u32'], count: [8, 'u32'] },
} as const

/** struct vfio_pci_dependent_device; `group_id` holds a devid if the flags say so. */
export const vfioPciDependentDevice = {
  name: 'vfio_pci_dependent_device',
  size: 8,
  fields: { group_id: [0, 'u32'], segment: [4, 'u16'], bus: [6, 'u8'], devfn: [7, 'u8'] },
} as const

/** VFIO_PCI_HOT_RESET_FLAG_*. */
export const hotResetFlag = {
  VFIO_PCI_HOT_RESET_FLAG_DEV_ID: 0x1,
  VFIO_PCI_HOT_RESET_FLAG_DEV_ID_OWNED: 0x2,
} as const

/** VFIO_PCI_DEVID_NOT_OWNED, -1 in the header. */
const notOwned = 0xffff_ffff

/** A device that a hot reset would reset. */
export interface DependentDevice {
  /** Its PCI address, long form. */
  readonly address: string
  /** The number of its IOMMU group; null if the kernel tells who owns it instead. */
  readonly group: number | null
  /** iommufd only: it is bound to the asker's iommufd, or could be by no other; null if groups tell. */
  readonly owned: boolean | null
}

/** Throws MALFORMED_REPLY if more devices are counted than are there. */
export function decodeHotResetInfo(bytes: Uint8Array): readonly DependentDevice[] {
  const { flags, count } = decode(vfioPciHotResetInfo, bytes)
  if (vfioPciHotResetInfo.size + count * vfioPciDependentDevice.size > bytes.length) {
    throw new VfioError('MALFORMED_REPLY', `${count} dependent devices do not fit into ${bytes.length} bytes`, {
      facts: { struct: vfioPciHotResetInfo.name, count, bytes: bytes.length },
    })
  }
  const hasIds = (flags & hotResetFlag.VFIO_PCI_HOT_RESET_FLAG_DEV_ID) !== 0
  return Array.from({ length: count }, (_, index) => {
    const at = vfioPciHotResetInfo.size + index * vfioPciDependentDevice.size
    const { group_id, segment, bus, devfn } = decode(vfioPciDependentDevice, bytes, at)
    return {
      address: pciAddress(segment, bus, devfn),
      group: hasIds ? null : group_id,
      owned: hasIds ? group_id !== notOwned : null,
    }
  })
}

/** struct vfio_pci_hot_reset, of VFIO_DEVICE_PCI_HOT_RESET, before its group_fds. */
export const vfioPciHotReset = {
  name: 'vfio_pci_hot_reset',
  size: 12,
  fields: { argsz: [0, 'u32'], flags: [4, 'u32'], count: [8, 'u32'] },
} as const

/** With the groups of the devices that are reset; none for a device that was opened by its own node. */
export function encodeHotReset(groupFds: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(vfioPciHotReset.size + 4 * groupFds.length)
  encodeInto(vfioPciHotReset, bytes, { argsz: bytes.length, count: groupFds.length })
  const view = new DataView(bytes.buffer)
  for (const [index, fd] of groupFds.entries()) view.setInt32(vfioPciHotReset.size + 4 * index, fd, kernelOrder)
  return bytes
}

function pciAddress(segment: number, bus: number, devfn: number): string {
  const digits = (value: number, count: number) => value.toString(16).padStart(count, '0')
  return `${digits(segment, 4)}:${digits(bus, 2)}:${digits(devfn >> 3, 2)}.${devfn & 7}`
}
