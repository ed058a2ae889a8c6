import { smallestPage } from '../base/kernel-traits.ts'
import { restoreBytes, saveBytes } from '../base/saved.ts'

/** Memory of which only the pages that were written exist; the rest reads as it was at first: zeros unless told. */
export class SparseMemory {
  readonly size: number
  readonly #pages = new Map<number, Uint8Array>()
  readonly #pageSize: number
  readonly #first: (page: number) => Uint8Array

  /** In pages of 4 KiB, or of that size. */
  constructor(
    size: number,
    saved: unknown,
    {
      pageSize = smallestPage,
      first,
    }: { readonly pageSize?: number; readonly first?: (page: number) => Uint8Array } = {},
  ) {
    this.size = size
    this.#pageSize = pageSize
    this.#first = first ?? (() => new Uint8Array(pageSize))
    if (typeof saved !== 'object' || saved === null) return
    for (const [number, base64] of Object.entries(saved)) {
      if (/^\d{1,9}$/.test(number)) restoreBytes(this.page(Number(number)), base64)
    }
  }

  save(): unknown {
    return Object.fromEntries([...this.#pages].map(([number, bytes]) => [number, saveBytes(bytes)]))
  }

  clear(): void {
    this.#pages.clear()
  }

  read(into: Uint8Array, offset: number): void {
    for (const { page, within, at, length } of this.#pieces(offset, into.length)) {
      const bytes = this.#pages.get(page) ?? this.#first(page)
      into.set(bytes.subarray(within, within + length), at)
    }
  }

  write(from: Uint8Array, offset: number): void {
    for (const { page, within, at, length } of this.#pieces(offset, from.length)) {
      this.page(page).set(from.subarray(at, at + length), within)
    }
  }

  /** Those that were written, by their numbers. */
  pages(): Iterable<[number, Uint8Array]> {
    return this.#pages
  }

  /** The bytes of one page, by its number, for as long as the memory is not cleared. */
  page(number: number): Uint8Array {
    let bytes = this.#pages.get(number)
    if (bytes === undefined) {
      bytes = this.#first(number)
      this.#pages.set(number, bytes)
    }
    return bytes
  }

  *#pieces(offset: number, total: number): Generator<Record<'page' | 'within' | 'at' | 'length', number>> {
    const pageSize = this.#pageSize
    let at = 0
    while (at < total) {
      const within = (offset + at) % pageSize
      const length = Math.min(total - at, pageSize - within)
      yield { page: Math.floor((offset + at) / pageSize), within, at, length }
      at += length
    }
  }
}
