import type { IoctlPointer } from '../../kernel/kernel.ts'
import { Errno } from '../base/errno.ts'
import { BarMapping, type MappedDevice } from './bar-mapping.ts'
import { isPageMemory } from './memory.ts'
import { singleAccesses } from './single-accesses.ts'

/** Any page-aligned address in the lower half. */
const somewhere = 0x7f00_0000_0000n

/** The pointer in a field of a struct; undefined if the caller named nothing there. */
export function pointerAt(pointers: readonly IoctlPointer[], field: number): IoctlPointer | undefined {
  return pointers.find(({ offset }) => offset === field)
}

/** All bytes of the process that a pointer leads to. Null if there are none, or those of a device. */
export function bytesAt(pointer: IoctlPointer | undefined): Uint8Array | null {
  if (pointer === undefined || pointer.target instanceof BarMapping) return null
  const { target, at = 0 } = pointer
  return (target instanceof Uint8Array ? target : target.view()).subarray(at)
}

/** The bytes that a pointer field of a struct points to. EFAULT if there are fewer; none are needed for `size` 0. */
export function targetOf(pointers: readonly IoctlPointer[], field: number, size: number): Uint8Array {
  if (size === 0) return new Uint8Array(0)
  const bytes = bytesAt(pointerAt(pointers, field))
  if (bytes === null || bytes.length < size) throw new Errno('EFAULT')
  return bytes
}

/** Bytes that a device reaches behind a pointer: of a lent copy, which is gone after the call, those it had. */
function pagesAt(pointer: IoctlPointer | undefined, size: bigint): Uint8Array | null {
  const bytes = bytesAt(pointer)
  if (bytes === null || size > BigInt(bytes.length)) return null
  const part = bytes.subarray(0, Number(size))
  return isPageMemory(part.buffer) ? part : part.slice()
}

/** The address that a pointer is. What is not pages of its own is lent as a copy, which begins on a page. */
function addressOf({ target, at = 0 }: IoctlPointer): bigint {
  const isPartOfPages = target instanceof Uint8Array && isPageMemory(target.buffer)
  return somewhere + BigInt((isPartOfPages ? target.byteOffset : 0) + at)
}

/** A part of a `UserMemory`, in bytes. */
interface Part {
  readonly first: bigint
  readonly last: bigint
}

/** Memory of a device that another may reach. */
export interface PeerMemory {
  readonly device: MappedDevice
  /** Its start in the device's memory, in bytes. */
  readonly at: number
  /** It came as a dma-buf, not as an address: if the device does not answer, it is not mapped any more. */
  readonly isDmaBuf: boolean
}

/** Memory that a mapping was made of. Mappings that are copied from it, or cut, share it. */
export class UserMemory {
  /** Null if the process has none there, or that of a device. */
  readonly bytes: Uint8Array | null
  /** Null for pages of the process. */
  readonly peer: PeerMemory | null
  /** It was mapped for devices to write to at first; a copy may not be if it was not. */
  readonly isWritable: boolean
  /** The process has it there. */
  readonly address: bigint
  /** Errno of pinning it if nothing is there. */
  readonly absence: 'EFAULT' | 'EINVAL'
  readonly #pinned: Part[] = []

  constructor(of: {
    bytes: Uint8Array | null
    peer: PeerMemory | null
    address: bigint
    isWritable: boolean
    absence: 'EFAULT' | 'EINVAL'
  }) {
    this.absence = of.absence
    this.bytes = of.bytes
    this.peer = of.peer
    this.address = of.address
    this.isWritable = of.isWritable
  }

  /** Memory that a pointer field of a struct leads to; `address` is the field's value if the caller named nothing. */
  static at(
    pointer: IoctlPointer | undefined,
    { address, size, isWritable }: { address: bigint; size: bigint; isWritable: boolean },
  ): UserMemory {
    const of = { address: pointer === undefined ? address : addressOf(pointer), isWritable, absence: 'EFAULT' as const }
    const { target, at = 0 } = pointer ?? {}
    if (target instanceof BarMapping && BigInt(at) + size <= BigInt(target.length)) {
      return new UserMemory({ ...of, bytes: null, peer: { device: target.device, at, isDmaBuf: false } })
    }
    return new UserMemory({ ...of, bytes: pagesAt(pointer, size), peer: null })
  }

  /** Copies out of it, from its byte `start` on. False if it is not there any more. */
  read(start: number, into: Uint8Array): boolean {
    if (this.peer !== null) return loadFrom(this.peer, start, into)
    if (this.bytes === null) return false
    into.set(this.bytes.subarray(start, start + into.length))
    return true
  }

  /** The other way round. */
  write(start: number, from: Uint8Array): boolean {
    if (this.peer !== null) return storeTo(this.peer, start, from)
    if (this.bytes === null) return false
    this.bytes.set(from, start)
    return true
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

function loadFrom({ device, at, isDmaBuf }: PeerMemory, start: number, into: Uint8Array): boolean {
  for (const { at: within, width } of singleAccesses(start, into.length)) {
    const part = into.subarray(within, within + width)
    if (device.load(at + start + within, part)) continue
    if (isDmaBuf) return false
    // a bus on which nobody answers reads as all ones
    part.fill(0xff)
  }
  return true
}

function storeTo({ device, at, isDmaBuf }: PeerMemory, start: number, from: Uint8Array): boolean {
  for (const { at: within, width } of singleAccesses(start, from.length)) {
    const isTaken = device.store(at + start + within, from.subarray(within, within + width))
    if (!isTaken && isDmaBuf) return false
  }
  return true
}
