import { VfioError } from '../../base/errors.ts'
import { hex } from '../../base/units.ts'
import { RecurringMap } from './recurring-map.ts'

/**
 * The mappings that were made in an address space. Kernels differ in what an unmap that cuts a mapping does: refuse,
 * take the whole mapping, take those before it and then refuse. So it is known here before the kernel is asked.
 */
export class MappedRanges {
  readonly #sizes = new RecurringMap<bigint, bigint>()

  get count(): number {
    return this.#sizes.size
  }

  add(iova: bigint, size: bigint): void {
    this.#sizes.set(iova, size)
  }

  /** The mapping that overlaps the range, or null. Looks at all of them. */
  overlapping(iova: bigint, size: bigint): { readonly iova: bigint; readonly size: bigint } | null {
    for (const [start, length] of this.#sizes) {
      if (start < iova + size && iova < start + length) return { iova: start, size: length }
    }
    return null
  }

  /**
   * The addresses at which the mappings in a range begin. Throws PARTIAL_UNMAP if the range cuts one. An exact
   * match, which is the usual case, costs the same however many there are; anything else looks at all of them.
   */
  within(iova: bigint, size: bigint): readonly bigint[] {
    if (this.#sizes.get(iova) === size) return [iova]
    const end = iova + size
    const starts: bigint[] = []
    for (const [start, length] of this.#sizes) {
      if (start + length <= iova || start >= end) continue
      if (start < iova || start + length > end) throw cut(iova, size, start, length)
      starts.push(start)
    }
    return starts
  }

  forget(starts: readonly bigint[]): void {
    for (const start of starts) this.#sizes.delete(start)
  }

  /** Returns the bytes that were mapped. */
  forgetAll(): bigint {
    let bytes = 0n
    for (const [, size] of this.#sizes) bytes += size
    this.#sizes.clear()
    return bytes
  }
}

function cut(iova: bigint, size: bigint, start: bigint, length: bigint): VfioError {
  return new VfioError(
    'PARTIAL_UNMAP',
    `cannot unmap ${hex(size)} bytes at ${hex(iova)}: that cuts the mapping of ${hex(length)} bytes at ${hex(start)}`,
    {
      hint: 'unmap whole mappings, as they were made',
      facts: { iova: hex(iova), size: hex(size), mapping: { iova: hex(start), size: hex(length) } },
    },
  )
}
