import { deviceOrder } from '../../base/byte-order.ts'
import type { Mapping, MemoryOptions } from '../../kernel/kernel.ts'
import { Errno } from '../base/errno.ts'
import type { PageSize } from '../base/kernel-traits.ts'
import type { FdTable } from '../descriptors/fd-table.ts'
import type { OpenFile } from '../descriptors/open-file.ts'

/** The buffers that stand for pages, as mmap(2) gives them: whatever else there is lies on the heap. */
const pages = new WeakSet<ArrayBufferLike>()

/** True if a buffer is memory that this kernel handed out by mmap. */
export function isPageMemory(buffer: ArrayBufferLike): boolean {
  return pages.has(buffer)
}

/** Those of them that are made of huge pages. */
const hugePages = new WeakSet<ArrayBufferLike>()

/** True if that memory is in huge pages. */
export function isHugeMemory(buffer: ArrayBufferLike): boolean {
  return hugePages.has(buffer)
}

/** Ordinary memory behind the `Mapping` interface. */
export class Memory implements Mapping {
  readonly fd: number | null
  readonly #closeFd: () => void
  #bytes: ArrayBuffer

  constructor(size: number, fd: number | null = null, closeFd: () => void = () => {}) {
    this.#bytes = zeroed(size)
    pages.add(this.#bytes)
    this.fd = fd
    this.#closeFd = closeFd
  }

  get length(): number {
    return this.#bytes.byteLength
  }

  read8(offset: number): number {
    return this.#at(offset, 1).getUint8(offset)
  }
  read16(offset: number): number {
    return this.#at(offset, 2).getUint16(offset, deviceOrder)
  }
  read32(offset: number): number {
    return this.#at(offset, 4).getUint32(offset, deviceOrder)
  }
  read64(offset: number): bigint {
    return this.#at(offset, 8).getBigUint64(offset, deviceOrder)
  }
  write8(offset: number, value: number): void {
    this.#at(offset, 1).setUint8(offset, value)
  }
  write16(offset: number, value: number): void {
    this.#at(offset, 2).setUint16(offset, value, deviceOrder)
  }
  write32(offset: number, value: number): void {
    this.#at(offset, 4).setUint32(offset, value, deviceOrder)
  }
  write64(offset: number, value: bigint): void {
    this.#at(offset, 8).setBigUint64(offset, value, deviceOrder)
  }

  readInto(offset: number, bytes: Uint8Array): void {
    bytes.set(this.#part(offset, bytes.length))
  }
  writeFrom(offset: number, bytes: Uint8Array): void {
    this.#part(offset, bytes.length).set(bytes)
  }

  view(): Uint8Array {
    return new Uint8Array(this.#bytes)
  }

  close(): void {
    if (this.#bytes.byteLength === 0) return
    // moving the buffer away is what detaches every view of it
    structuredClone(this.#bytes, { transfer: [this.#bytes] })
    this.#bytes = new ArrayBuffer(0)
    this.#closeFd()
  }

  #part(offset: number, length: number): Uint8Array {
    if (!Number.isSafeInteger(offset) || offset < 0 || offset + length > this.length) {
      throw new RangeError(`${length} bytes at ${offset} of a mapping of ${this.length} bytes`)
    }
    return new Uint8Array(this.#bytes, offset, length)
  }

  #at(offset: number, width: number): DataView {
    if (!Number.isSafeInteger(offset) || offset < 0 || offset % width !== 0 || offset + width > this.length) {
      throw new RangeError(`${width}-byte access at ${offset} of a mapping of ${this.length} bytes`)
    }
    return new DataView(this.#bytes)
  }
}

/** ENOMEM for more than there is, or than JavaScript can look at in one piece (4 GiB in Node 20). */
function zeroed(size: number): ArrayBuffer {
  try {
    return new Uint8Array(size).buffer
  } catch {
    throw new Errno('ENOMEM')
  }
}

/** A file of memory (memfd_create(2)), by its descriptor. */
export class MemoryFile implements OpenFile {
  readonly link = '/memfd:vfioctl (deleted)'
  readonly #memory: () => Memory

  constructor(memory: () => Memory) {
    this.#memory = memory
  }

  get bytes(): Uint8Array {
    return this.#memory().view()
  }

  close(): void {}
}

/** Bytes of a huge page: what a page full of entries of 8 bytes maps. */
export function hugePageSizeOf(pageSize: PageSize): number {
  return pageSize * (pageSize / 8)
}

/** Memory of the three kinds. EINVAL for a size that is no multiple of the page size. */
export function allocateMemory(fds: FdTable, { size, kind }: MemoryOptions, pageSize: PageSize): Memory {
  if (size <= 0 || size % (kind === 'hugepages' ? hugePageSizeOf(pageSize) : pageSize) !== 0) throw new Errno('EINVAL')
  if (kind !== 'memfd') {
    const memory = new Memory(size)
    if (kind === 'hugepages') hugePages.add(memory.view().buffer)
    return memory
  }
  const fd = fds.add(new MemoryFile(() => memory))
  const memory = new Memory(size, fd, () => fds.take(fd))
  return memory
}
