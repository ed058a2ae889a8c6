import { type PciAddress, pciAddressOrNull } from '../../base/units.ts'
import { pciDevices } from '../../host/pci-bus.ts'
import { functionAddresses, readPhysicalFunction, readPhysicalFunctions } from '../../host/sriov.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import type { Coming } from '../device/restore-task.ts'
import { isKeptForCard } from '../sriov/kept-number.ts'
import { sriovSettings } from '../sriov/sriov-settings.ts'

/**
 * The devices that can still come while a restore waits. The kernel has found the PCI cards before anybody runs, and of
 * one that is plugged in later the udev rule tells: what is not on the bus comes only as a virtual function, by a
 * number that is kept for its card.
 */
export class ComingDevices implements Coming {
  /** The device that the restore is for alone, or undefined. Who names it knows that it comes. */
  readonly only: string | undefined
  readonly #files: HostFiles
  readonly #counts: ReadonlyMap<PciAddress, number>
  readonly #made = new Set<string>()

  constructor(files: HostFiles, only: string | undefined) {
    this.only = only
    this.#files = files
    const counts = sriovSettings.list(files).settings.flatMap(({ name, value }): [PciAddress, number][] => {
      const address = pciAddressOrNull(name)
      return address === null || !isKeptForCard(files, address, value) ? [] : [[address, value.count]]
    })
    this.#counts = new Map(counts)
  }

  /** The functions of a card were made, or could not be: no more of them come. */
  end(card: string): void {
    this.#made.add(card)
  }

  /** True if a device is on the PCI bus, or may get there. */
  can(address: PciAddress): boolean {
    if (address === this.only || this.#isOnBus(address)) return true
    return [...this.#counts].some(([card, count]) => {
      return card !== address && !this.#made.has(card) && this.#isOnBus(card) && this.#makes(card, count, address)
    })
  }

  /** True if a device is a virtual function that its card, which is there, could have, has not, and is not to get. */
  isLeftOut(address: PciAddress): boolean {
    try {
      if (this.can(address)) return false
      const cards = readPhysicalFunctions(this.#files).functions
      return cards.some(({ address: card, total }) => functionAddresses(this.#files, card, total).includes(address))
    } catch {
      // it is looked for again, and then the failure is told as its own
      return false
    }
  }

  #isOnBus(address: PciAddress): boolean {
    return this.#files.kind(`${pciDevices}/${address}`) !== null
  }

  /** True also if the card does not say where its functions will be. */
  #makes(card: PciAddress, count: number, address: PciAddress): boolean {
    if (readPhysicalFunction(this.#files, card) === null) return false
    const functions = functionAddresses(this.#files, card, count)
    return functions.length === 0 || functions.includes(card) || functions.includes(address)
  }
}
