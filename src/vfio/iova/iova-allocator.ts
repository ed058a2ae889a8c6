import { VfioError } from '../../base/errors.ts'
import { formatSize, hex } from '../../base/units.ts'
import type { IovaRange } from '../address-space/address-space.ts'
import type { Pages } from './hole-edges.ts'
import { IovaHoles } from './iova-holes.ts'

/** A range of addresses to find. */
export interface IovaRequest {
  /** Bytes, a multiple of the page size. */
  readonly size: number
  /** The number of address bits of the device: the last byte lies below 2^addressBits (default: 64). */
  readonly addressBits?: number | undefined
  /** The very address, a multiple of the page size; else the allocator chooses. */
  readonly iova?: bigint | undefined
  /** 'huge': a multiple of a huge page, as the IOMMU maps huge pages only there. 'page' unless told. */
  readonly alignment?: 'page' | 'huge'
}

/** With these, a number counts the pages of a 64-bit address space exactly. */
const smallestPage = 4096
/**
 * Below 4 GiB, as many a device reaches no further, and below 0xfee00000, where a PC's interrupts are written: a device
 * that is attached later may turn that into a reserved range.
 */
const preferredEnd = 0xfee0_0000

/**
 * Gives out the I/O virtual addresses of one address space. It takes the highest place that suits, first below 4 GiB
 * and then anywhere (as Linux does for its own drivers), which leaves the low addresses to devices that reach no
 * others. Each operation takes a time that hardly grows with the number of ranges.
 */
export class IovaAllocator {
  readonly #pageSize: number
  readonly #readRanges: () => readonly IovaRange[]
  /** Of all addresses, those that the IOMMU reserves too. */
  readonly #holes: IovaHoles
  #ranges: readonly IovaRange[] = []
  /** `#ranges` in whole pages, the highest first, none touching another. */
  #allowed: readonly Pages[] = []

  /** A page, and a huge page, is a power of two. `ranges` are what may be given out, read now and at each `refresh`. */
  constructor(pageSize: number, hugePageSize: number, ranges: () => readonly IovaRange[]) {
    this.#pageSize = Math.max(pageSize, smallestPage)
    this.#readRanges = ranges
    this.#holes = new IovaHoles(this.#lastPage(64) + 1, Math.max(1, hugePageSize / this.#pageSize))
    this.refresh()
  }

  /** Reads the ranges anew, as each device that is attached may narrow them; false if they are the same. */
  refresh(): boolean {
    const ranges = this.#readRanges()
    if (sameRanges(ranges, this.#ranges)) return false
    this.#ranges = ranges
    this.#allowed = wholePages(ranges, this.#pageSize)
    return true
  }

  /**
   * The address of what is taken. Throws NO_IOVA_LEFT if no place is free for it; for a given `iova` IOVA_IN_USE if
   * something is, IOVA_RESERVED outside the ranges or beyond the device's bits; INVALID_ARGUMENT.
   */
  allocate(request: IovaRequest): bigint {
    this.#check(request)
    const pages = request.size / this.#pageSize
    const first = this.#take(request, pages) ?? (this.refresh() ? this.#take(request, pages) : null)
    if (first === null) throw this.#noPlace(request)
    return BigInt(first * this.#pageSize)
  }

  /** Gives back `size` bytes that were taken; changes nothing if they are not. */
  free(iova: bigint, size: number): void {
    const first = Number(iova) / this.#pageSize
    this.#holes.add(first, first + size / this.#pageSize - 1)
  }

  #take({ iova, addressBits = 64, alignment = 'page' }: IovaRequest, pages: number): number | null {
    const limit = this.#lastPage(addressBits)
    if (iova !== undefined) {
      const place = this.#place(iova, pages)
      return place.last <= limit && this.#isAllowed(place) && this.#holes.take(place.first, place.last)
        ? place.first
        : null
    }
    const preferred = Math.floor(preferredEnd / this.#pageSize) - 1
    return this.#takeUpTo(Math.min(limit, preferred), pages, alignment) ?? this.#takeUpTo(limit, pages, alignment)
  }

  #takeUpTo(limit: number, pages: number, alignment: 'page' | 'huge'): number | null {
    for (const { first, last } of this.#allowed) {
      if (first > limit) continue
      const found = this.#holes.takeHighest(pages, { first, last: Math.min(last, limit) }, alignment)
      if (found !== null) return found
    }
    return null
  }

  #place(iova: bigint, pages: number): Pages {
    const first = Number(iova) / this.#pageSize
    return { first, last: first + pages - 1 }
  }

  #isAllowed({ first, last }: Pages): boolean {
    return this.#allowed.some((range) => first >= range.first && last <= range.last)
  }

  #lastPage(addressBits: number): number {
    return Math.floor(2 ** addressBits / this.#pageSize) - 1
  }

  #check({ size, addressBits, iova }: IovaRequest): void {
    const wrong = (what: string): VfioError =>
      new VfioError('INVALID_ARGUMENT', what, { facts: { size, pageSize: this.#pageSize } })
    if (!Number.isSafeInteger(size) || size <= 0 || size % this.#pageSize !== 0) {
      throw wrong(`${size} bytes cannot be mapped: the IOMMU maps multiples of ${this.#pageSize}`)
    }
    if (addressBits !== undefined && !(Number.isInteger(addressBits) && addressBits >= 12 && addressBits <= 64)) {
      throw wrong(`a device cannot have ${addressBits} address bits: 12 to 64`)
    }
    if (iova === undefined) return
    if (BigInt.asUintN(64, iova) !== iova) throw wrong(`${iova} is not an address of 64 bits`)
    if (iova % BigInt(this.#pageSize) !== 0n) throw wrong(`address ${hex(iova)} is not a multiple of ${this.#pageSize}`)
  }

  #noPlace({ size, iova, addressBits = 64 }: IovaRequest): VfioError {
    const ranges = this.#ranges.map(({ first, last }) => `${hex(first)}-${hex(last)}`)
    const facts = { size, addressBits, ranges, ...(iova === undefined ? {} : { iova: hex(iova) }) }
    const reach = addressBits < 64 ? ` within ${addressBits} address bits` : ''
    if (iova === undefined) {
      return new VfioError('NO_IOVA_LEFT', `no addresses are left for ${formatSize(size)}${reach}`, {
        hint: 'close buffers that are no longer used',
        facts,
      })
    }
    const what = `addresses ${hex(iova)}-${hex(iova + BigInt(size) - 1n)}`
    const place = this.#place(iova, size / this.#pageSize)
    const inRange = this.#isAllowed(place)
    if (!inRange || place.last > this.#lastPage(addressBits)) {
      const where = inRange
        ? `beyond the device's ${addressBits} address bits`
        : `outside ${ranges.join(', ') || 'all'}`
      return new VfioError('IOVA_RESERVED', `${what} cannot be mapped: they lie ${where}`, { facts })
    }
    return new VfioError('IOVA_IN_USE', `${what} are in use already`, { facts })
  }
}

function sameRanges(some: readonly IovaRange[], others: readonly IovaRange[]): boolean {
  return (
    some.length === others.length &&
    some.every(({ first, last }, index) => first === others[index]?.first && last === others[index].last)
  )
}

/** The highest first, overlapping and touching ones as one; what does not fill a page is left out. */
function wholePages(ranges: readonly IovaRange[], pageSize: number): Pages[] {
  const size = BigInt(pageSize)
  const merged: { first: number; last: number }[] = []
  const pages = ranges
    .map(({ first, last }) => ({ first: Number((first + size - 1n) / size), last: Number((last + 1n) / size) - 1 }))
    .filter(({ first, last }) => first <= last)
    .sort((a, b) => a.first - b.first)
  for (const { first, last } of pages) {
    const before = merged.at(-1)
    if (before === undefined || first > before.last + 1) merged.push({ first, last })
    else before.last = Math.max(before.last, last)
  }
  return merged.reverse()
}
