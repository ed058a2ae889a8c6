import { Errno } from '../base/errno.ts'
import type { PageSize } from '../base/kernel-traits.ts'
import type { DmaAccess, DmaMapping } from './dma-mapping.ts'
import type { LockedMemory } from './locked-memory.ts'
import { PagePins } from './page-pins.ts'
import type { UserMemory } from './user-memory.ts'

/** One mapping's part of a transfer: from byte `at` of the transfer to `end`, and from byte `start` of its memory. */
interface Piece {
  readonly memory: UserMemory
  readonly start: number
  readonly at: number
  readonly end: number
}

/**
 * The translations of one address space, by IOVA; none overlaps another. While an IOMMU stands behind it, their memory
 * is pinned, and charged against what the process may lock; else it is not looked at.
 */
export class DmaMappings implements DmaAccess {
  /** Pages that mediated drivers have pinned. */
  readonly pins: PagePins
  /** A mediated driver may write there, or has written. */
  readonly touched: (iova: bigint, size: bigint) => void
  readonly #sorted: DmaMapping[] = []
  readonly #locked: LockedMemory
  readonly #takesDeviceMemory: boolean
  #isPinned = false

  /**
   * `pageSize`: what mediated drivers pin. `takesDeviceMemory`: a device's memory can be mapped for another.
   * `lendsPages`: mediated drivers can pin pages; if absent, they can. `touched` hears of what they may have written.
   */
  constructor(
    locked: LockedMemory,
    {
      pageSize,
      takesDeviceMemory,
      lendsPages = true,
      touched = () => {},
    }: { pageSize: PageSize; takesDeviceMemory: boolean; lendsPages?: boolean; touched?: DmaMappings['touched'] },
  ) {
    this.touched = touched
    this.#locked = locked
    this.#takesDeviceMemory = takesDeviceMemory
    this.pins = new PagePins(locked, pageSize, (iova) => {
      if (!lendsPages) throw new Errno('EACCES')
      return this.lowest(iova, iova)
    })
  }

  get count(): number {
    return this.#sorted.length
  }

  [Symbol.iterator](): IterableIterator<DmaMapping> {
    return this.#sorted.values()
  }

  /** EFAULT or ENOMEM if its memory cannot be pinned, and nothing changed. */
  add(mapping: DmaMapping): void {
    if (this.#isPinned) this.#pin(mapping)
    this.#locked.spaces.add(this)
    this.#sorted.splice(this.#firstEndingAfter(mapping.iova), 0, mapping)
  }

  /** Once drivers have given back what they pinned of it. */
  delete(mapping: DmaMapping): void {
    this.pins.takeBack(mapping)
    this.#sorted.splice(this.#firstEndingAfter(mapping.iova), 1)
    if (this.#isPinned) this.#unpin(mapping)
  }

  clear(): void {
    for (const mapping of this.#sorted) this.pins.takeBack(mapping)
    this.#locked.spaces.delete(this)
    if (this.#isPinned) for (const mapping of this.#sorted) this.#unpin(mapping)
    this.#sorted.length = 0
  }

  /** Makes two of a mapping: the second begins at `iova`, inside it. */
  split(mapping: DmaMapping, iova: bigint): void {
    const size = iova - mapping.iova
    const first = { ...mapping, size }
    const second = { ...mapping, iova, size: mapping.size - size, offset: mapping.offset + size }
    this.#sorted.splice(this.#firstEndingAfter(mapping.iova), 1, first, second)
    if (!this.#isPinned) return
    for (const half of [first, second]) half.memory.pin(half.offset, half.size)
    mapping.memory.unpin(mapping.offset, mapping.size)
  }

  /** From now on all memory is pinned. EFAULT, ENOMEM if that of one mapping cannot be, and nothing changed. */
  pin(): void {
    if (this.#isPinned) return
    let done = 0
    try {
      for (const mapping of this.#sorted) {
        this.#pin(mapping)
        done++
      }
    } catch (error) {
      for (const mapping of this.#sorted.slice(0, done)) this.#unpin(mapping)
      throw error
    }
    this.#isPinned = true
  }

  unpin(): void {
    if (!this.#isPinned) return
    for (const mapping of this.#sorted) this.#unpin(mapping)
    this.#isPinned = false
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
    return this.#pieces(iova, into.length, 'read', (it) => it.memory.read(it.start, into.subarray(it.at, it.end)))
  }

  write(iova: bigint, from: Uint8Array): boolean {
    return this.#pieces(iova, from.length, 'write', (it) => it.memory.write(it.start, from.subarray(it.at, it.end)))
  }

  #pin({ memory, offset, size }: DmaMapping): void {
    if (memory.peer !== null) {
      if (!this.#takesDeviceMemory && !memory.peer.isDmaBuf) throw new Errno('EFAULT')
      return
    }
    if (memory.bytes === null) throw new Errno(memory.absence)
    this.#locked.pin(memory, offset, size)
  }

  #unpin({ memory, offset, size }: DmaMapping): void {
    if (memory.peer === null) this.#locked.unpin(memory, offset, size)
  }

  /** Index of the first mapping that reaches beyond an address. */
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

  #pieces(iova: bigint, length: number, way: 'read' | 'write', move: (piece: Piece) => boolean): boolean {
    for (let at = 0; at < length; ) {
      const mapping = this.lowest(iova + BigInt(at), iova + BigInt(at))
      if (mapping === null || !mapping.access[way]) return false
      const { memory, offset, size } = mapping
      const within = iova + BigInt(at) - mapping.iova
      const end = Math.min(at + Number(size - within), length)
      if (!move({ memory, start: Number(offset + within), at, end })) return false
      at = end
    }
    return true
  }
}
