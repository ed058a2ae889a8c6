/** What a device does with memory: false where a translation is missing or forbids it, and nothing more is moved. */
export interface DmaAccess {
  read(iova: bigint, into: Uint8Array): boolean
  write(iova: bigint, from: Uint8Array): boolean
}

export interface DmaMapping {
  readonly iova: bigint
  readonly size: bigint
  /** What the device may do. */
  readonly access: { readonly read: boolean; readonly write: boolean }
  /** The memory behind it; null where it was never looked at, or is a device's. */
  readonly memory: Uint8Array | null
}

/** The translations of one container, by IOVA; none overlaps another. */
export class DmaMappings implements DmaAccess {
  readonly #sorted: DmaMapping[] = []

  get count(): number {
    return this.#sorted.length
  }

  add(mapping: DmaMapping): void {
    this.#sorted.splice(this.#firstEndingAfter(mapping.iova), 0, mapping)
  }

  delete({ iova }: DmaMapping): void {
    this.#sorted.splice(this.#firstEndingAfter(iova), 1)
  }

  /** The lowest mapping that has a byte from `first` to `last`, both inclusive. */
  lowest(first: bigint, last: bigint): DmaMapping | null {
    const mapping = this.#sorted[this.#firstEndingAfter(first)]
    return mapping !== undefined && mapping.iova <= last ? mapping : null
  }

  /** Those that have a byte from `first` to `last`, in order. */
  overlapping(first: bigint, last: bigint): DmaMapping[] {
    const found: DmaMapping[] = []
    let at = first
    for (let next = this.lowest(at, last); next !== null; next = at > last ? null : this.lowest(at, last)) {
      found.push(next)
      at = next.iova + next.size
    }
    return found
  }

  read(iova: bigint, into: Uint8Array): boolean {
    return this.#pieces(iova, into.length, 'read', (memory, at) => into.set(memory, at))
  }

  write(iova: bigint, from: Uint8Array): boolean {
    return this.#pieces(iova, from.length, 'write', (memory, at) => memory.set(from.subarray(at, at + memory.length)))
  }

  /** Where the first mapping stands that reaches beyond an address. */
  #firstEndingAfter(address: bigint): number {
    let [from, to] = [0, this.#sorted.length]
    while (from < to) {
      const middle = (from + to) >> 1
      const mapping = this.#sorted[middle]
      if (mapping !== undefined && mapping.iova + mapping.size <= address) from = middle + 1
      else to = middle
    }
    return from
  }

  #pieces(
    iova: bigint,
    length: number,
    way: 'read' | 'write',
    move: (memory: Uint8Array, at: number) => void,
  ): boolean {
    for (let at = 0; at < length; ) {
      const mapping = this.lowest(iova + BigInt(at), iova + BigInt(at))
      if (mapping === null || !mapping.access[way]) return false
      const within = iova + BigInt(at) - mapping.iova
      const end = Number(mapping.size - within)
      const memory = mapping.memory?.subarray(Number(within), Number(within) + Math.min(end, length - at))
      if (memory !== undefined) move(memory, at)
      at += Math.min(end, length - at)
    }
    return true
  }
}
