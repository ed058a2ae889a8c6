import { Errno } from '../base/errno.ts'
import type { PageSize } from '../base/kernel-traits.ts'
import type { DmaMapping, PinnedPage } from './dma-mapping.ts'
import type { LockedMemory } from './locked-memory.ts'

/** A mapping goes away, `size` bytes from `iova` on: what is pinned of it is to be unpinned before this returns. */
export type UnmapListener = (iova: bigint, size: bigint) => void

/** Times that the kernel asks drivers for their pages before it gives up with BUG(). */
const patience = 10

/**
 * The pages of one address space that mediated drivers have pinned (vfio_pin_pages). A page that several pin is pinned
 * once and counted; it is charged against what the process may lock unless it is locked already.
 */
export class PagePins {
  readonly #find: (iova: bigint) => DmaMapping | null
  readonly #locked: LockedMemory
  readonly #pageSize: bigint
  readonly #pages = new Map<bigint, PinnedPage>()
  readonly #listeners = new Set<UnmapListener>()

  /** `find`: the mapping that an address is in. */
  constructor(locked: LockedMemory, pageSize: PageSize, find: (iova: bigint) => DmaMapping | null) {
    this.#pageSize = BigInt(pageSize)
    this.#locked = locked
    this.#find = find
  }

  [Symbol.iterator](): IterableIterator<PinnedPage> {
    return this.#pages.values()
  }

  /**
   * Pins one page. EINVAL if nothing is mapped, or a device's memory; EPERM if the device may not do so much there;
   * EFAULT if the process has no memory; ENOMEM if it may not lock any more.
   */
  pin(iova: bigint, access: { readonly read: boolean; readonly write: boolean }): PinnedPage {
    const mapping = this.#find(iova)
    if (mapping === null) throw new Errno('EINVAL')
    if ((access.read && !mapping.access.read) || (access.write && !mapping.access.write)) throw new Errno('EPERM')
    const there = this.#pages.get(iova)
    const page = there === undefined ? this.#pinFirst(mapping, iova) : { ...there, count: there.count + 1 }
    this.#pages.set(iova, page)
    return page
  }

  /** Takes one pin of a page back. True if it was the last; false also if there was none. */
  unpin(iova: bigint): boolean {
    const page = this.#pages.get(iova)
    if (page === undefined) return false
    if (page.count > 1) {
      this.#pages.set(iova, { ...page, count: page.count - 1 })
      return false
    }
    this.#pages.delete(iova)
    this.#locked.unpin(page.memory, page.offset, this.#pageSize)
    return true
  }

  /** Returns how to stop. */
  onUnmap(listener: UnmapListener): () => void {
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
    }
  }

  /** Before a mapping goes: its pinned pages are asked back, until none is left. */
  takeBack({ iova, size }: DmaMapping): void {
    const left = () => [...this.#pages.keys()].filter((page) => page >= iova && page < iova + size)
    for (let asked = 0; left().length > 0; asked++) {
      if (asked === patience) {
        const pages = left().map((page) => `0x${page.toString(16)}`)
        throw new Error(`a device model keeps ${pages.join(', ')} pinned, which is being unmapped: a kernel stops here`)
      }
      for (const listener of [...this.#listeners]) listener(iova, size)
    }
  }

  #pinFirst(mapping: DmaMapping, iova: bigint): PinnedPage {
    const { memory } = mapping
    if (memory.peer !== null) throw new Errno('EINVAL')
    if (memory.bytes === null) throw new Errno('EFAULT')
    const offset = mapping.offset + (iova - mapping.iova)
    this.#locked.pin(memory, offset, this.#pageSize)
    return { iova, memory, offset, count: 1 }
  }
}
