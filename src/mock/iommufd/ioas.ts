import { Errno } from '../base/errno.ts'
import type { PageSize } from '../base/kernel-traits.ts'
import type { DmaMapping } from '../memory/dma-mapping.ts'
import { DmaMappings } from '../memory/dma-mappings.ts'
import type { LockedMemory } from '../memory/locked-memory.ts'
import type { UserMemory } from '../memory/user-memory.ts'
import { chooseIova } from './choose-iova.ts'
import { holes, type IovaRange, lastIova, overlaps } from './iova-range.ts'

/** A part of some memory that is to be mapped. */
export interface Piece {
  readonly memory: UserMemory
  readonly offset: bigint
  readonly size: bigint
}

/**
 * An I/O address space of iommufd. Devices behind an IOMMU come to it with page tables, mediated ones as users of the
 * memory; both narrow what can be mapped.
 */
export class Ioas {
  readonly mappings: DmaMappings
  readonly pageSize: PageSize
  /** Page tables and mediated devices that are made of it: while there are any, it is not destroyed. */
  users = 0
  readonly #page: bigint
  readonly #pageTables = new Set<{ readonly isNoiommu: boolean }>()
  readonly #accesses = new Set<object>()
  #reserved: (IovaRange & { readonly owner: object })[] = []
  #allowed: readonly IovaRange[] = []
  #hasLargePages = true

  constructor(locked: LockedMemory, pageSize: PageSize) {
    this.pageSize = pageSize
    this.#page = BigInt(pageSize)
    this.mappings = new DmaMappings(locked, { pageSize, takesDeviceMemory: false })
  }

  /** Bytes that addresses and sizes are multiples of. */
  get alignment(): bigint {
    const isByPages = !this.#hasLargePages || this.#pageTables.size > 0 || this.#accesses.size > 0
    return isByPages ? this.#page : 1n
  }

  /** Mappings are kept in whole large pages, and cannot be cut. */
  get hasLargePages(): boolean {
    return this.#hasLargePages
  }

  /** It is a device without an IOMMU that its memory is pinned for. */
  get isNoiommu(): boolean {
    return [...this.#pageTables].some((pageTable) => pageTable.isNoiommu)
  }

  get hasPageTables(): boolean {
    return this.#pageTables.size > 0
  }

  ranges(): IovaRange[] {
    return holes({ first: 0n, last: lastIova }, this.#reserved)
  }

  /** Sets the ranges to choose addresses in from now on; EADDRINUSE if a part of them is reserved. */
  allow(ranges: readonly IovaRange[]): void {
    if (ranges.some((range) => this.#reserved.some((other) => overlaps(range, other)))) throw new Errno('EADDRINUSE')
    this.#allowed = ranges
  }

  /** For `owner`, all of it or nothing: EADDRINUSE if something is mapped there, or allowed. */
  reserve(owner: object, ranges: readonly IovaRange[]): void {
    const isTaken = ({ first, last }: IovaRange) =>
      this.mappings.lowest(first, last) !== null || this.#allowed.some((other) => overlaps({ first, last }, other))
    if (ranges.some(isTaken)) throw new Errno('EADDRINUSE')
    this.#reserved.push(...ranges.map(({ first, last }) => ({ first, last, owner })))
  }

  unreserve(owner: object): void {
    this.#reserved = this.#reserved.filter((range) => range.owner !== owner)
  }

  /** With its first page table, all memory is pinned. `outside`: what it does not translate. */
  addPageTable(pageTable: { readonly isNoiommu: boolean }, outside: readonly IovaRange[]): void {
    this.#checkAlignment(this.#page)
    this.reserve(pageTable, outside)
    try {
      this.mappings.pin()
    } catch (error) {
      this.unreserve(pageTable)
      throw error
    }
    this.#pageTables.add(pageTable)
    this.users++
  }

  removePageTable(pageTable: { readonly isNoiommu: boolean }): void {
    this.#pageTables.delete(pageTable)
    this.unreserve(pageTable)
    if (this.#pageTables.size === 0) this.mappings.unpin()
    this.users--
  }

  addAccess(access: object): void {
    this.#checkAlignment(this.#page)
    this.#accesses.add(access)
    this.users++
  }

  removeAccess(access: object): void {
    this.#accesses.delete(access)
    this.users--
  }

  /** EINVAL if page tables have something mapped in large pages. */
  forbidLargePages(): void {
    if (!this.#hasLargePages) return
    if (this.#pageTables.size > 0 && this.mappings.count > 0) throw new Errno('EINVAL')
    this.#checkAlignment(this.#page)
    this.#hasLargePages = false
  }

  allowLargePages(): void {
    this.#hasLargePages = true
  }

  /** Maps memory in one piece or several, one behind the other; at `iova`, or where it chooses. Returns where. */
  map(pieces: readonly Piece[], iova: bigint | null, access: DmaMapping['access']): bigint {
    const size = pieces.reduce((sum, piece) => sum + piece.size, 0n)
    const mask = this.alignment - 1n
    if (size === 0n || size > lastIova - this.#page || (size & mask) !== 0n) throw new Errno('EINVAL')
    const at = iova ?? this.#choose(pieces, size)
    if (iova !== null) this.#check(iova, size)
    for (const { memory, offset } of pieces) {
      if (access.write && !memory.isWritable) throw new Errno('EPERM')
      if (((memory.address + offset) & mask) !== 0n) throw new Errno('EINVAL')
    }
    const added: DmaMapping[] = []
    try {
      let next = at
      for (const piece of pieces) {
        const mapping = { ...piece, iova: next, access }
        this.mappings.add(mapping)
        added.push(mapping)
        next += piece.size
      }
    } catch (error) {
      for (const mapping of added) this.mappings.delete(mapping)
      throw error
    }
    return at
  }

  /** The memory behind a range; ENOENT if not all of it is mapped. */
  pieces(iova: bigint, size: bigint): Piece[] {
    if (size === 0n) throw new Errno('EINVAL')
    const last = iova + size - 1n
    if (last > lastIova) throw new Errno('EOVERFLOW')
    const found: Piece[] = []
    let at = iova
    for (const mapping of this.mappings.overlapping(iova, last)) {
      if (mapping.iova > at) throw new Errno('ENOENT')
      const end = mapping.iova + mapping.size
      const upTo = end > last ? last + 1n : end
      found.push({ memory: mapping.memory, offset: mapping.offset + at - mapping.iova, size: upTo - at })
      at = upTo
    }
    if (at !== last + 1n) throw new Errno('ENOENT')
    return found
  }

  /** Returns the bytes that were unmapped. ENOENT at one that it would cut, and those below are unmapped then. */
  unmap(iova: bigint, size: bigint): bigint {
    if (size === 0n) throw new Errno('EINVAL')
    const last = iova + size - 1n
    if (last > lastIova) throw new Errno('EOVERFLOW')
    return this.#unmapTo(iova, last)
  }

  unmapAll(): bigint {
    return this.#unmapTo(0n, lastIova)
  }

  /** Makes two mappings of the one that has a byte on both sides of `iova`; large pages must be forbidden. */
  cut(iova: bigint): void {
    const mapping = this.mappings.lowest(iova - 1n, iova - 1n)
    if (mapping === null || mapping.iova + mapping.size === iova) return
    if ((iova & (this.alignment - 1n)) !== 0n) throw new Errno('EINVAL')
    this.mappings.split(mapping, iova)
  }

  #unmapTo(first: bigint, last: bigint): bigint {
    let unmapped = 0n
    for (const mapping of this.mappings.overlapping(first, last)) {
      if (mapping.iova < first || mapping.iova + mapping.size - 1n > last) throw new Errno('ENOENT')
      this.mappings.delete(mapping)
      unmapped += mapping.size
    }
    return unmapped
  }

  #choose(pieces: readonly Piece[], size: bigint): bigint {
    const [first] = pieces
    const address = first === undefined ? 0n : first.memory.address + first.offset
    const taken = [
      ...this.#reserved,
      ...[...this.mappings].map((it) => ({ first: it.iova, last: it.iova + it.size - 1n })),
    ]
    return chooseIova({ size, address, page: this.#page, alignment: this.alignment, allowed: this.#allowed, taken })
  }

  #check(iova: bigint, size: bigint): void {
    if ((iova & (this.alignment - 1n)) !== 0n) throw new Errno('EINVAL')
    const last = iova + size - 1n
    if (last > lastIova) throw new Errno('EOVERFLOW')
    if (this.#reserved.some((range) => overlaps(range, { first: iova, last }))) throw new Errno('EINVAL')
    if (this.mappings.lowest(iova, last) !== null) throw new Errno('EEXIST')
  }

  /** EADDRINUSE if a mapping is no multiple of it. */
  #checkAlignment(alignment: bigint): void {
    if (this.alignment >= alignment) return
    const mask = alignment - 1n
    const isOff = ({ iova, size, memory, offset }: DmaMapping) =>
      ((iova | size | (memory.address + offset)) & mask) !== 0n
    if ([...this.mappings].some(isOff)) throw new Errno('EADDRINUSE')
  }
}
