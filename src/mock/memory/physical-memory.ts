import type { PageSize } from '../base/kernel-traits.ts'
import type { DmaAccess } from './dma-mapping.ts'
import { hugePageSizeOf, isHugeMemory } from './memory.ts'

/** First address of the process's memory: 4 GiB, above what firmware and devices take. */
const firstAddress = 2 ** 32

interface Placed {
  readonly first: bigint
  readonly frames: bigint
  readonly buffer: WeakRef<ArrayBufferLike>
}

/**
 * The page frames of the machine in which memory lies. Pages that are neighbours in the process are none there, as on a
 * machine that has run for a while, but for those of a huge page. It is what a device without an IOMMU reaches.
 */
export class PhysicalMemory implements DmaAccess {
  readonly #first = new WeakMap<ArrayBufferLike, bigint>()
  /** By the frames, from the lowest on. */
  #placed: Placed[] = []
  readonly #pageSize: PageSize
  readonly #framesOfHugePage: bigint
  #next: bigint

  constructor(pageSize: PageSize) {
    this.#pageSize = pageSize
    this.#framesOfHugePage = BigInt(hugePageSizeOf(pageSize) / pageSize)
    this.#next = BigInt(firstAddress / pageSize)
  }

  /** The physical address of a byte of a buffer. */
  addressOf(buffer: ArrayBufferLike, offset: number): bigint {
    const pageSize = this.#pageSize
    const frames = this.#framesOf(buffer)
    const first = this.#first.get(buffer) ?? this.#place(buffer, frames)
    const page = BigInt(Math.floor(offset / pageSize))
    const frame = isHugeMemory(buffer) ? first + page : first + frames - 1n - page
    return frame * BigInt(pageSize) + BigInt(offset % pageSize)
  }

  read(address: bigint, into: Uint8Array): boolean {
    return this.#pages(address, into.length, (bytes, at) => into.set(bytes, at))
  }

  write(address: bigint, from: Uint8Array): boolean {
    return this.#pages(address, from.length, (bytes, at) => bytes.set(from.subarray(at, at + bytes.length)))
  }

  #place(buffer: ArrayBufferLike, frames: bigint): bigint {
    const huge = this.#framesOfHugePage
    if (isHugeMemory(buffer)) this.#next = ((this.#next + huge - 1n) / huge) * huge
    const first = this.#next
    this.#first.set(buffer, first)
    this.#next += frames
    this.#placed = this.#placed.filter((placed) => isThere(placed.buffer.deref()))
    this.#placed.push({ first, frames, buffer: new WeakRef(buffer) })
    return first
  }

  #framesOf(buffer: ArrayBufferLike): bigint {
    return BigInt(Math.ceil(buffer.byteLength / this.#pageSize))
  }

  /** Calls back for each page that the bytes lie in, until one that is nobody's. */
  #pages(address: bigint, length: number, move: (bytes: Uint8Array, at: number) => void): boolean {
    const pageSize = this.#pageSize
    for (let at = 0; at < length; ) {
      const [frame, within] = [
        (address + BigInt(at)) / BigInt(pageSize),
        Number((address + BigInt(at)) % BigInt(pageSize)),
      ]
      const count = Math.min(pageSize - within, length - at)
      const placed = this.#placed.find(({ first, frames }) => frame >= first && frame < first + frames)
      const buffer = placed?.buffer.deref()
      if (placed === undefined || !isThere(buffer)) return false
      const nth = frame - placed.first
      const page = isHugeMemory(buffer) ? nth : placed.frames - 1n - nth
      move(new Uint8Array(buffer, Number(page) * pageSize + within, count), at)
      at += count
    }
    return true
  }
}

/** Memory that was given back has no bytes. */
function isThere(buffer: ArrayBufferLike | undefined): buffer is ArrayBufferLike {
  return buffer !== undefined && buffer.byteLength > 0
}
