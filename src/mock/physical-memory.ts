import { pageSize } from './memory.ts'

/** The first page frame that the process's memory gets: 4 GiB, above what firmware and devices take. */
const firstFrame = 0x10_0000n

/**
 * Which page frames of the machine memory lies in. Pages that are neighbours in the process are none there, as on a
 * machine that has run for a while.
 */
export class PhysicalMemory {
  readonly #first = new WeakMap<ArrayBufferLike, bigint>()
  #next = firstFrame

  /** The physical address of a byte of a buffer. */
  addressOf(buffer: ArrayBufferLike, offset: number): bigint {
    const pages = BigInt(Math.ceil(buffer.byteLength / pageSize))
    let first = this.#first.get(buffer)
    if (first === undefined) {
      first = this.#next
      this.#first.set(buffer, first)
      this.#next += pages
    }
    const frame = first + pages - 1n - BigInt(Math.floor(offset / pageSize))
    return frame * BigInt(pageSize) + BigInt(offset % pageSize)
  }
}
