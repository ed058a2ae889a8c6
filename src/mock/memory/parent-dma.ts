import type { PageSize } from '../base/kernel-traits.ts'

/** A page that a parent's hardware can reach. */
interface ReachablePage {
  readonly physical: bigint
  readonly bytes: Uint8Array
}

/** Access of a parent's hardware to memory. False, and what came before is moved, if it reaches no page. */
export interface ParentBus {
  /** An IOMMU translates for it. */
  readonly hasIommu: boolean
  /** Reads the user's memory at an address that is the device's; false if that is not mapped. */
  read(address: bigint, into: Uint8Array): boolean
  /** Writes the user's memory likewise. */
  write(address: bigint, from: Uint8Array): boolean
}

/** The kernel hands addresses out from here down. */
const end = 2n ** 32n

/**
 * The access of a parent's hardware to memory (dma_map_page): by its physical address, or behind an IOMMU by an address
 * that is made for it. Only pages that a driver mapped are there.
 */
export class ParentDma implements ParentBus {
  readonly hasIommu: boolean
  readonly #pages = new Map<bigint, ReachablePage>()
  readonly #users = new Map<bigint, number>()
  readonly #pageSize: bigint

  constructor({ hasIommu, pageSize }: { readonly hasIommu: boolean; readonly pageSize: PageSize }) {
    this.hasIommu = hasIommu
    this.#pageSize = BigInt(pageSize)
  }

  /** The address by which the hardware reaches a page from now on. */
  map(page: ReachablePage): bigint {
    const address = this.hasIommu ? this.#freeAddress() : page.physical
    this.#pages.set(address, page)
    this.#users.set(address, (this.#users.get(address) ?? 0) + 1)
    return address
  }

  unmap(address: bigint): void {
    const left = (this.#users.get(address) ?? 0) - 1
    if (left > 0) this.#users.set(address, left)
    else {
      this.#users.delete(address)
      this.#pages.delete(address)
    }
  }

  read(address: bigint, into: Uint8Array): boolean {
    return this.#pieces(address, into.length, (memory, at) => into.set(memory, at))
  }

  write(address: bigint, from: Uint8Array): boolean {
    return this.#pieces(address, from.length, (memory, at) => memory.set(from.subarray(at, at + memory.length)))
  }

  #freeAddress(): bigint {
    let address = end - this.#pageSize
    while (this.#pages.has(address)) address -= this.#pageSize
    return address
  }

  #pieces(address: bigint, length: number, move: (memory: Uint8Array, at: number) => void): boolean {
    for (let at = 0; at < length; ) {
      const byte = address + BigInt(at)
      const page = this.#pages.get(byte - (byte % this.#pageSize))
      if (page === undefined) return false
      const within = Number(byte % this.#pageSize)
      const memory = page.bytes.subarray(within, within + length - at)
      move(memory, at)
      at += memory.length
    }
    return true
  }
}
