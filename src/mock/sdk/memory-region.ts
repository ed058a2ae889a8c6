import { regionFlag } from '../../uapi/region.ts'
import { smallestPage } from '../base/kernel-traits.ts'
import type { MappedDevice } from '../memory/bar-mapping.ts'
import { SparseMemory } from '../memory/sparse-memory.ts'
import type { ModelRegion } from './region.ts'

/** Supplies page number `page` at its first touch: true for the region’s own, bytes for another, false to refuse. */
export type Fault = (page: number, access: 'r' | 'w') => boolean | Uint8Array

/** The size of a region of memory, and how it is mapped. */
export interface MemoryRegionOptions {
  /** Bytes. */
  readonly size: number
  /** Bytes of the pages that are supplied one by one: the machine's (`context.traits.pageSize`). 4096 if absent. */
  readonly pageSize?: number
  /**
   * The way in which it is mapped; if absent, it cannot be. 'direct': all of it is there at mmap(2), and a mapping that
   * was taken back stays dead. `fault`: nothing is there at mmap(2). At the first touch of each page, and at the next
   * one after it was taken back, the model supplies it: true is the region's own page, bytes are another one. False
   * refuses, which a process feels as SIGBUS (here: EFAULT) and may try again.
   */
  readonly mmap?: 'direct' | { readonly fault: Fault }
  readonly capabilities?: Uint8Array
  /** State that `save` returned. */
  readonly saved?: unknown
}

/** Memory of the device: registers without side effects, a frame buffer. */
export class MemoryRegion implements ModelRegion {
  readonly size: number
  readonly flags: number
  readonly capabilities?: Uint8Array
  readonly map?: () => MappedDevice
  readonly #memory: SparseMemory
  readonly #pageSize: number
  /** Mappings know which one they saw last. */
  #generation = 0

  constructor({ size, pageSize = smallestPage, mmap, capabilities, saved }: MemoryRegionOptions) {
    const { VFIO_REGION_INFO_FLAG_READ, VFIO_REGION_INFO_FLAG_WRITE, VFIO_REGION_INFO_FLAG_MMAP } = regionFlag
    this.size = size
    this.#pageSize = pageSize
    this.flags =
      VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE | (mmap === undefined ? 0 : VFIO_REGION_INFO_FLAG_MMAP)
    this.#memory = new SparseMemory(size, saved, { pageSize })
    if (capabilities !== undefined) this.capabilities = capabilities
    if (mmap !== undefined) this.map = () => (mmap === 'direct' ? this.#mapDirect() : this.#mapOnFault(mmap.fault))
  }

  /** Reads the memory at an offset. */
  read(into: Uint8Array, offset: number): void {
    this.#memory.read(into, offset)
  }

  /** Writes the memory at an offset. */
  write(from: Uint8Array, offset: number): void {
    this.#memory.write(from, offset)
  }

  /** The bytes of one page, by its number in the region; the last one may reach beyond it. */
  page(number: number): Uint8Array {
    return this.#memory.page(number)
  }

  /** Those that were written, by their numbers. */
  pages(): Iterable<[number, Uint8Array]> {
    return this.#memory.pages()
  }

  /** Sets all of the memory to zero. */
  clear(): void {
    this.#memory.clear()
  }

  /** Takes the pages of every mapping back, as drivers do at a reset or when memory decoding goes off. */
  takeBack(): void {
    this.#generation++
  }

  /** The written pages as JSON can hold them, for `saved`. */
  save(): unknown {
    return this.#memory.save()
  }

  #mapDirect(): MappedDevice {
    const generation = this.#generation
    return {
      load: (offset, into) => {
        if (generation !== this.#generation) return false
        this.#memory.read(into, offset)
        return true
      },
      store: (offset, from) => {
        if (generation !== this.#generation) return false
        this.#memory.write(from, offset)
        return true
      },
    }
  }

  #mapOnFault(fault: Fault): MappedDevice {
    const pageSize = this.#pageSize
    const pages = new Map<number, Uint8Array>()
    let generation = this.#generation
    const touch = (offset: number, access: 'r' | 'w') => {
      if (generation !== this.#generation) pages.clear()
      generation = this.#generation
      const number = Math.floor(offset / pageSize)
      const supplied = pages.get(number) ?? fault(number, access)
      if (supplied === false) return null
      const bytes = supplied === true ? this.page(number) : supplied
      pages.set(number, bytes)
      return bytes.subarray(offset % pageSize)
    }
    return {
      load: (offset, into) => {
        const bytes = touch(offset, 'r')
        if (bytes !== null) into.set(bytes.subarray(0, into.length))
        return bytes !== null
      },
      store: (offset, from) => {
        const bytes = touch(offset, 'w')
        bytes?.set(from)
        return bytes !== null
      },
    }
  }
}
