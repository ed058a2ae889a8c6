/** An entry of /proc/PID/pagemap, one for each page of the address space (Documentation/admin-guide/mm/pagemap.rst). */
const present = 1n << 63n
const frameBits = (1n << 55n) - 1n

/** The page frame number; null where the page is not in memory, 0 where the reader may not know it. */
export function pageFrame(entry: bigint): bigint | null {
  return (entry & present) === 0n ? null : entry & frameBits
}
