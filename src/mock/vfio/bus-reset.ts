import { kernelOrder } from '../../base/byte-order.ts'
import { hotResetFlag, vfioPciDependentDevice, vfioPciHotReset, vfioPciHotResetInfo } from '../../uapi/hot-reset.ts'
import { encode, encodeInto } from '../../uapi/struct.ts'
import { Errno } from '../base/errno.ts'
import { structArgument } from '../descriptors/ioctl-argument.ts'
import type { IoctlArgument } from '../descriptors/open-file.ts'
import type { Machine } from '../machine/machine.ts'
import { type PciDevice, pciDevices, pciDraft, pciRecord } from '../pci/devices.ts'
import { isVfioPci } from '../pci/variant-drivers.ts'
import type { CallingProcess } from '../sdk/feature.ts'
import { pciKey } from '../state/state.ts'
import type { HotReset } from '../vfio-pci/vfio-pci-device.ts'

const VFIO_PCI_DEVID_OWNED = 0
const VFIO_PCI_DEVID_NOT_OWNED = 0xffff_ffff

/** The reset of the bus that a device is on, as vfio-pci lets whoever has all that is on it do it. */
export class BusReset implements HotReset {
  readonly #machine: Machine
  readonly #device: PciDevice

  constructor(machine: Machine, device: PciDevice) {
    this.#machine = machine
    this.#device = device
  }

  /**
   * VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, with the numbers of groups, or for a device that was opened by its own node
   * with those that bound devices have in its iommufd. ENOSPC with their number if there is no room for all.
   */
  info(argument: IoctlArgument): number {
    const { bytes, values } = structArgument(vfioPciHotResetInfo, argument, vfioPciHotResetInfo.size)
    const affected = this.#affected()
    encodeInto(vfioPciHotResetInfo, bytes, { flags: 0, count: affected.length })
    const { size } = vfioPciDependentDevice
    if (values.argsz < vfioPciHotResetInfo.size + affected.length * size) throw new Errno('ENOSPC')
    const owned = this.#isByNode ? affected.map((device) => this.#isOwned(device)) : null
    for (const [index, { address, iommuGroup }] of affected.entries()) {
      if (iommuGroup === null) throw new Errno('EPERM')
      const bound = this.#machine.openDevices.get(pciKey(address))?.boundId ?? VFIO_PCI_DEVID_OWNED
      const id = owned === null ? iommuGroup : owned[index] === true ? bound : VFIO_PCI_DEVID_NOT_OWNED
      const dependent = encode(vfioPciDependentDevice, { group_id: id, ...numbersOf(address) })
      bytes.set(dependent, vfioPciHotResetInfo.size + index * size)
    }
    if (owned === null) return 0
    const { VFIO_PCI_HOT_RESET_FLAG_DEV_ID, VFIO_PCI_HOT_RESET_FLAG_DEV_ID_OWNED } = hotResetFlag
    const all = owned.every((isOwned) => isOwned) ? VFIO_PCI_HOT_RESET_FLAG_DEV_ID_OWNED : 0
    encodeInto(vfioPciHotResetInfo, bytes, { flags: VFIO_PCI_HOT_RESET_FLAG_DEV_ID | all })
    return 0
  }

  /**
   * VFIO_DEVICE_PCI_HOT_RESET, with the descriptors of groups, or of a device that was opened by its own node with
   * none: EINVAL otherwise, for too many, and if anything on the bus is in another group or another's, is a virtual
   * function or not with vfio-pci.
   */
  reset(argument: IoctlArgument, { fds }: CallingProcess): number {
    const { bytes, values } = structArgument(vfioPciHotReset, argument, vfioPciHotReset.size)
    const { flags, count } = values
    if (flags !== 0 || (count === 0) !== this.#isByNode) throw new Errno('EINVAL')
    const affected = this.#affected()
    if (count > affected.length) throw new Errno('EINVAL')
    // whether argsz counts them is not looked at
    if (bytes.length < vfioPciHotReset.size + 4 * count) throw new Errno('EFAULT')
    const view = new DataView(bytes.buffer, bytes.byteOffset)
    const groups = new Set<string>()
    for (let index = 0; index < count; index++) {
      const { link } = fds.get(view.getInt32(vfioPciHotReset.size + 4 * index, kernelOrder))
      if (!/^\/dev\/vfio\/\d+$/.test(link)) throw new Errno('EINVAL')
      groups.add(link)
    }
    const isOurs = (device: PciDevice) =>
      this.#isByNode
        ? this.#isOwned(device)
        : this.#isResettable(device) && groups.has(`/dev/vfio/${device.iommuGroup}`)
    if (!affected.every(isOurs)) throw new Errno('EINVAL')
    this.#resetAll(affected)
    return 0
  }

  /** Of those that are closed, what is kept of them is forgotten. */
  #resetAll(affected: readonly PciDevice[]): void {
    const { store, openDevices } = this.#machine
    const closed = affected.filter(({ address }) => !openDevices.has(pciKey(address)))
    for (const { address } of affected) openDevices.get(pciKey(address))?.model.busReset?.()
    store.update((draft) => {
      for (const device of closed) pciDraft(draft, device).model = null
    })
  }

  /** The device was opened by its own node: its group cannot be open then. */
  get #isByNode(): boolean {
    return this.#machine.holdings.bound.has(groupKey(this.#device))
  }

  #isResettable(device: PciDevice): boolean {
    const { scenario, store } = this.#machine
    return device.physfn === undefined && isVfioPci(scenario, pciRecord(store.read(), device).driver)
  }

  /** Of a group that the same iommufd has, whether or not the device itself is bound. */
  #isOwned(device: PciDevice): boolean {
    const { dmaOwners } = this.#machine
    return (
      this.#isResettable(device) && dmaOwners.ownerOf(groupKey(device)) === dmaOwners.ownerOf(groupKey(this.#device))
    )
  }

  /** Everything on the bus. ENODEV for a root bus, which cannot be reset. */
  #affected(): PciDevice[] {
    const { scenario, store } = this.#machine
    if (this.#device.behind === undefined) throw new Errno('ENODEV')
    const bus = busOf(this.#device)
    return pciDevices(scenario, store.read()).filter((device) => busOf(device) === bus)
  }
}

/** As the state knows the group. */
function groupKey({ iommuGroup }: PciDevice): string {
  return `group ${iommuGroup}`
}

function busOf({ address }: PciDevice): string {
  return address.slice(0, address.lastIndexOf(':'))
}

function numbersOf(address: string): { segment: number; bus: number; devfn: number } {
  const [segment = 0, bus = 0, slot = 0, functionNumber = 0] = address
    .split(/[:.]/)
    .map((part) => Number.parseInt(part, 16))
  return { segment, bus, devfn: (slot << 3) | functionNumber }
}
