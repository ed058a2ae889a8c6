import { RecurringMap } from '../address-space/recurring-map.ts'
import type { DmaBuffer } from './dma-buffer.ts'

/** 2 MiB, as in a page directory: a buffer is entered once for each that it touches. */
const directoryShift = 21n

/** Open buffers, found by the address that a device uses. What an operation costs does not grow with their number. */
export class DmaIndex {
  readonly #directory = new RecurringMap<number, Set<DmaBuffer>>()

  add(buffer: DmaBuffer): void {
    const { first, last } = entriesOf(buffer)
    for (let entry = first; entry <= last; entry++) {
      const there = this.#directory.get(entry)
      if (there === undefined) this.#directory.set(entry, new Set([buffer]))
      else there.add(buffer)
    }
  }

  delete(buffer: DmaBuffer): void {
    const { first, last } = entriesOf(buffer)
    for (let entry = first; entry <= last; entry++) {
      const there = this.#directory.get(entry)
      there?.delete(buffer)
      if (there?.size === 0) this.#directory.delete(entry)
    }
  }

  at(iova: bigint): DmaBuffer | null {
    for (const buffer of this.#directory.get(entryOf(iova)) ?? []) {
      if (iova >= buffer.iova && iova < buffer.iova + BigInt(buffer.size)) return buffer
    }
    return null
  }

  byAddress(): DmaBuffer[] {
    const buffers = new Set([...this.#directory].flatMap(([, there]) => [...there]))
    return [...buffers].sort((a, b) => (a.iova < b.iova ? -1 : 1))
  }
}

function entriesOf({ iova, size }: DmaBuffer): { first: number; last: number } {
  return { first: entryOf(iova), last: entryOf(iova + BigInt(size) - 1n) }
}

function entryOf(iova: bigint): number {
  return Number(iova >> directoryShift)
}
