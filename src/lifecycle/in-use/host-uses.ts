import { pciAddressOrNull } from '../../base/units.ts'
import type { BusDevice } from '../../host/bus/bus-device.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import { busUses } from './bus-uses.ts'
import type { PciUse } from './pci-use.ts'
import { PciUses } from './pci-uses.ts'

/** The uses of devices on every bus. What PCI devices carry is looked at once for all of them. */
export class HostUses {
  readonly #files: HostFiles
  readonly #pci: PciUses

  constructor(files: HostFiles) {
    this.#files = files
    this.#pci = new PciUses(files)
  }

  /** The uses that would suffer if the device's driver were taken from it. */
  of(device: BusDevice): PciUse[] {
    const address = device.bus === 'pci' ? pciAddressOrNull(device.name) : null
    return address === null ? busUses(this.#files, device) : this.#pci.of(address)
  }
}
