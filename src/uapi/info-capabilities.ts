import { VfioError } from '../base/errors.ts'
import { decode } from './struct.ts'

/** struct vfio_info_cap_header; `next` counts from the start of the info struct, 0 ends the chain. */
export const vfioInfoCapHeader = {
  name: 'vfio_info_cap_header',
  size: 8,
  fields: { id: [0, 'u16'], version: [2, 'u16'], next: [4, 'u32'] },
} as const

/** One link of a chain. `bytes` begins with the header and ends where the next capability or the answer does. */
export interface InfoCapability {
  readonly id: number
  readonly version: number
  readonly bytes: Uint8Array
}

/** No kernel sends more than a handful. */
const maxCapabilities = 64

/**
 * The capabilities chained behind an info struct, in chain order; `first` is the struct's cap_offset, 0 for none.
 * `answer` is what the kernel filled, no further. A link that points into the fixed part, off the 4-byte grid, past the
 * end or back to a link already seen is KERNEL_ANSWER: drivers have sent such chains.
 */
export function infoCapabilities(
  struct: string,
  answer: Uint8Array,
  first: number,
  fixedSize: number,
): InfoCapability[] {
  const links = new Map<number, { id: number; version: number }>()
  let offset = first
  while (offset !== 0) {
    const wrong = brokenLink(offset, answer.length, fixedSize, links)
    if (wrong !== null) {
      throw new VfioError('KERNEL_ANSWER', `the capability chain of struct ${struct} is broken: ${wrong}`, {
        facts: { struct, offset, bytes: answer.length, chain: [...links.keys()] },
      })
    }
    const { id, version, next } = decode(vfioInfoCapHeader, answer, offset)
    links.set(offset, { id, version })
    offset = next
  }
  const ends = [...links.keys(), answer.length].sort((a, b) => a - b)
  return [...links].map(([start, { id, version }]) => ({
    id,
    version,
    bytes: answer.subarray(start, ends[ends.indexOf(start) + 1]),
  }))
}

function brokenLink(offset: number, end: number, fixedSize: number, seen: ReadonlyMap<number, unknown>): string | null {
  if (offset < fixedSize) return `offset ${offset} lies inside the struct's own ${fixedSize} bytes`
  if (offset % 4 !== 0) return `offset ${offset} is not aligned`
  if (offset + vfioInfoCapHeader.size > end) return `offset ${offset} is past the ${end} bytes answered`
  if (seen.has(offset)) return `it comes back to offset ${offset}`
  if (seen.size === maxCapabilities) return `it has more than ${maxCapabilities} links`
  return null
}
