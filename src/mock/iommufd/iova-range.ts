/** Addresses of a device, both ends inclusive. */
export interface IovaRange {
  readonly first: bigint
  readonly last: bigint
}

/** The last address of 64 bits. */
export const lastIova = 0xffff_ffff_ffff_ffffn

/** The lesser of two addresses. */
export function least(a: bigint, b: bigint): bigint {
  return a < b ? a : b
}

/** True if two ranges share an address. */
export function overlaps(range: IovaRange, { first, last }: IovaRange): boolean {
  return range.first <= last && range.last >= first
}

/** Parts of a range that are in none of some others, in order. */
export function holes({ first, last }: IovaRange, others: readonly IovaRange[]): IovaRange[] {
  const found: IovaRange[] = []
  let at = first
  for (const other of others.toSorted((a, b) => (a.first < b.first ? -1 : 1))) {
    if (other.last < at) continue
    if (other.first > last) break
    if (other.first > at) found.push({ first: at, last: other.first - 1n })
    at = other.last + 1n
  }
  if (at <= last) found.push({ first: at, last })
  return found
}
