import { Errno } from '../base/errno.ts'
import { pageSize } from '../memory/memory.ts'
import { holes, type IovaRange, lastIova, least } from './iova-range.ts'

const page = BigInt(pageSize)
const hugePage = 2n ** 21n

/**
 * An address for memory at `address` of the process: the lowest free one that is aligned as well as the memory is, up to
 * a huge page. Never in the first page, nor the last. EOVERFLOW for half of all addresses or more, ENOSPC where none is.
 */
export function chooseIova(of: {
  size: bigint
  address: bigint
  /** What the address space asks for. */
  alignment: bigint
  /** Where to look; everywhere where empty. */
  allowed: readonly IovaRange[]
  taken: readonly IovaRange[]
}): bigint {
  const { size, address } = of
  if (size >= lastIova / 2n) throw new Errno('EOVERFLOW')
  const alignment = [powerOfTwoFrom(size), hugePage, ...(address === 0n ? [] : [address & -address])].reduce(least)
  if (alignment < of.alignment) throw new Errno('EINVAL')
  const everywhere = { first: page, last: lastIova - page }
  const allowed = of.allowed.length === 0 ? [everywhere] : of.allowed
  for (const { first, last } of allowed.toSorted((a, b) => (a.first < b.first ? -1 : 1))) {
    if (first > everywhere.last || last < everywhere.first) continue
    const within = { first: first < page ? page : first, last: least(last, everywhere.last) }
    for (const hole of holes(within, of.taken)) {
      const start = ((hole.first + alignment - 1n) & -alignment) | (address % page)
      if (start < hole.last && hole.last - start >= size - 1n) return start
    }
  }
  throw new Errno('ENOSPC')
}

function powerOfTwoFrom(size: bigint): bigint {
  return 1n << BigInt((size - 1n).toString(2).length - (size === 1n ? 1 : 0))
}
