import { Errno } from '../base/errno.ts'
import { holes, type IovaRange, lastIova, least } from './iova-range.ts'

/**
 * An address for memory at `address` of the process: the lowest free one that is aligned as well as the memory is, up
 * to a huge page. Never in the first page, nor the last. EOVERFLOW for half of all addresses or more, ENOSPC if none
 * is.
 */
export function chooseIova(of: {
  size: bigint
  address: bigint
  page: bigint
  /** Alignment that the address space asks for, in bytes. */
  alignment: bigint
  /** Ranges to search; all addresses if empty. */
  allowed: readonly IovaRange[]
  taken: readonly IovaRange[]
}): bigint {
  const { size, address, page } = of
  // what one table of entries maps, each of 8 bytes: 2 MiB in pages of 4 KiB
  const hugePage = page * (page / 8n)
  if (size >= lastIova / 2n) throw new Errno('EOVERFLOW')
  const alignment = [powerOfTwoFrom(size), hugePage, ...(address === 0n ? [] : [address & -address])].reduce(least)
  if (alignment < of.alignment) throw new Errno('EINVAL')
  const everywhere = { first: 0n, last: lastIova }
  const allowed = of.allowed.length === 0 ? [everywhere] : of.allowed
  const never = [
    { first: 0n, last: page - 1n },
    { first: lastIova - page + 1n, last: lastIova },
  ]
  for (const range of allowed.toSorted((a, b) => (a.first < b.first ? -1 : 1))) {
    for (const hole of holes(range, [...of.taken, ...never])) {
      const start = ((hole.first + alignment - 1n) & -alignment) | (address % page)
      if (start < hole.last && hole.last - start >= size - 1n) return start
    }
  }
  throw new Errno('ENOSPC')
}

function powerOfTwoFrom(size: bigint): bigint {
  return 1n << BigInt((size - 1n).toString(2).length - (size === 1n ? 1 : 0))
}
