import { type PciAddress, pciAddressOrNull } from '../../base/units.ts'
import { functionAddresses, readPhysicalFunction } from '../../host/sriov.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import type { PlannedSriov } from './plan.ts'

/** Virtual functions that come and go if a plan changes their number: the kernel makes all of a card's anew. */
export class FutureFunctions {
  readonly #cards = new Map<PciAddress, readonly PciAddress[]>()
  readonly #coming = new Map<PciAddress, PciAddress>()
  readonly #going = new Map<PciAddress, PciAddress>()
  /** Those that cards could have, and will not. */
  readonly #never = new Map<PciAddress, PlannedSriov>()
  readonly #autoprobe = new Map<PciAddress, boolean>()

  constructor(files: HostFiles, sriov: readonly PlannedSriov[]) {
    for (const item of sriov) {
      const { device: card, count, makesAnew, autoprobe } = item
      if (autoprobe !== null) this.#autoprobe.set(card, autoprobe)
      const { total = count } = readPhysicalFunction(files, card) ?? {}
      for (const address of functionAddresses(files, card, total).slice(count)) this.#never.set(address, item)
      // none is what a card has in either case, and if it may have none there is nothing to look at
      if (!makesAnew && count > 0) continue
      const addresses = functionAddresses(files, card, count)
      this.#cards.set(card, addresses)
      for (const address of readPhysicalFunction(files, card)?.functions ?? []) this.#going.set(address, card)
      for (const address of addresses) {
        this.#coming.set(address, card)
        this.#going.delete(address)
      }
    }
  }

  /** True if the functions of a card are made anew. */
  isCard(card: string): boolean {
    const address = pciAddressOrNull(card)
    return address !== null && this.#cards.has(address)
  }

  /** All that a card is to have; null if those stay that it has. */
  of(card: PciAddress): readonly PciAddress[] | null {
    return this.#cards.get(card) ?? null
  }

  /** Every one that is to come, also in place of one of the same address. */
  get addresses(): PciAddress[] {
    return [...this.#coming.keys()]
  }

  /** True if the host's drivers may have a card's functions as they come; undefined for as it is. */
  autoprobeOf(card: PciAddress): boolean | undefined {
    return this.#autoprobe.get(card)
  }

  /** The card of a function that is to come; null for any other device. */
  cardOf(address: PciAddress): PciAddress | null {
    return this.#coming.get(address) ?? null
  }

  /** The planned change by which a card will not have a function that it could have; null for any other function. */
  exclusionOf(address: PciAddress): PlannedSriov | null {
    return this.#never.get(address) ?? null
  }

  /** The card of a function that is there and will not come again; null for any other device. */
  cardThatDrops(address: PciAddress): PciAddress | null {
    return this.#going.get(address) ?? null
  }
}
