import type { IoctlPointer } from '../../kernel/kernel.ts'
import { isPageMemory } from '../memory.ts'

type Target = IoctlPointer['target']

/** Any page-aligned address in the lower half. */
const somewhere = 0x7f00_0000_0000n

/** An address for what a pointer names. What is not pages of its own is lent as a copy, which begins on a page. */
export function addressOf(target: Target): bigint {
  const isPartOfPages = target instanceof Uint8Array && isPageMemory(target.buffer)
  return isPartOfPages ? somewhere + BigInt(target.byteOffset) : somewhere
}

/**
 * The bytes that a device gets to reach: of a lent copy, which is gone after the call, those it had, and of device
 * memory none. Null where the process has no memory there.
 */
export function memoryAt(target: Target | undefined, size: bigint): Uint8Array | null {
  if (target === undefined || size > BigInt(target.length)) return null
  if (!(target instanceof Uint8Array)) return viewOf(target)?.subarray(0, Number(size)) ?? new Uint8Array(0)
  return isPageMemory(target.buffer) ? target.subarray(0, Number(size)) : target.slice(0, Number(size))
}

/** Null for a device's memory, which has no bytes here. */
function viewOf(target: Exclude<Target, Uint8Array>): Uint8Array | null {
  try {
    return target.view()
  } catch {
    return null
  }
}

/** A part of a `UserMemory`, in bytes. */
interface Part {
  readonly first: bigint
  readonly last: bigint
}

/** Memory of the process that a mapping was made of. Mappings that are copied from it, or cut, share it. */
export class UserMemory {
  /** Null where the process has none there; empty for a device's. */
  readonly bytes: Uint8Array | null
  readonly isDevice: boolean
  /** It was mapped for devices to write to at first; a copy may not be where it was not. */
  readonly isWritable: boolean
  /** The process has it there. */
  readonly address: bigint
  readonly #pinned: Part[] = []

  constructor({
    target,
    address,
    size,
    isWritable,
  }: {
    target: Target | undefined
    address: bigint
    size: bigint
    isWritable: boolean
  }) {
    this.address = address
    this.isWritable = isWritable
    this.bytes = memoryAt(target, size)
    this.isDevice = this.bytes !== null && BigInt(this.bytes.length) < size
  }

  /** Pins a part once more. Returns the bytes of it that were not pinned before. */
  pin(first: bigint, size: bigint): bigint {
    const added = this.#unpinnedOf({ first, last: first + size - 1n })
    this.#pinned.push({ first, last: first + size - 1n })
    return added
  }

  /** Takes one pin of a part back. Returns the bytes of it that are not pinned any more. */
  unpin(first: bigint, size: bigint): bigint {
    const last = first + size - 1n
    const index = this.#pinned.findIndex((part) => part.first === first && part.last === last)
    if (index < 0) throw new RangeError('this part of the memory was not pinned')
    this.#pinned.splice(index, 1)
    return this.#unpinnedOf({ first, last })
  }

  #unpinnedOf({ first, last }: Part): bigint {
    let [unpinned, at] = [0n, first]
    for (const part of this.#pinned.toSorted((a, b) => (a.first < b.first ? -1 : 1))) {
      if (part.last < at) continue
      if (part.first > last) break
      if (part.first > at) unpinned += part.first - at
      at = part.last + 1n
      if (at > last) return unpinned
    }
    return unpinned + (last + 1n - at)
  }
}
