import { kernelOrder } from '../../base/byte-order.ts'
import type { IoctlPointer } from '../../kernel/kernel.ts'
import {
  dirtyPagesFlag,
  vfioBitmap,
  vfioIommuType1DirtyBitmap,
  vfioIommuType1DirtyBitmapGet,
} from '../../uapi/container.ts'
import { decode, type Values } from '../../uapi/struct.ts'
import { Errno } from '../base/errno.ts'
import type { KernelTraits } from '../base/kernel-traits.ts'
import { structArgument } from '../descriptors/ioctl-argument.ts'
import type { IoctlArgument } from '../descriptors/open-file.ts'
import type { DmaMapping } from '../memory/dma-mapping.ts'
import type { DmaMappings } from '../memory/dma-mappings.ts'
import { bytesAt, pointerAt } from '../memory/user-memory.ts'

const { VFIO_IOMMU_DIRTY_PAGES_FLAG_START, VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP } = dirtyPagesFlag
const { VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP } = dirtyPagesFlag
const wordBits = 64n
const wordBytes = 8
const top = 0xffff_ffff_ffff_ffffn
const maxPages = 2n ** 31n
const maxPagesInMemory = 2n ** 29n
/** Of a bitmap of that many pages. */
export const maxBitmapBytes: bigint = maxPages / 8n

/** Bitmap of a process: a bit for each page, from address `base` on. */
export interface Bitmap {
  readonly base: bigint
  readonly pgsize: bigint
  readonly bytes: Uint8Array
}

/**
 * The answer of type1 about the pages that devices may have written to. Behind an IOMMU that is all that is mapped;
 * without one, what drivers have pinned, and what they wrote for their devices.
 */
export class DirtyPages {
  readonly #mappings: DmaMappings
  readonly #traits: KernelTraits
  readonly #page: bigint
  /** A bit for each page of a mapping, the first one lowest; null while nobody asks. */
  #bits: Map<DmaMapping, bigint> | null = null

  constructor(mappings: DmaMappings, traits: KernelTraits) {
    this.#mappings = mappings
    this.#traits = traits
    this.#page = BigInt(traits.pageSize)
  }

  /** VFIO_IOMMU_DIRTY_PAGES. `isAllDirty`: some device can write without anyone's knowing. */
  ioctl(argument: IoctlArgument, pointers: readonly IoctlPointer[], isAllDirty: boolean): number {
    const { bytes, values } = structArgument(vfioIommuType1DirtyBitmap, argument, vfioIommuType1DirtyBitmap.size)
    switch (values.flags) {
      case VFIO_IOMMU_DIRTY_PAGES_FLAG_START:
        if (this.#bits === null) {
          for (const mapping of this.#mappings) this.checkSize(mapping)
          this.#bits = new Map()
          for (const mapping of this.#mappings) this.#markPinned(mapping)
        }
        return 0
      case VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP:
        this.#bits = null
        return 0
      case VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP: {
        const { size } = vfioIommuType1DirtyBitmap
        this.#report(bytes.subarray(size, values.argsz), pointers, isAllDirty)
        return 0
      }
      default:
        throw new Errno('EINVAL')
    }
  }

  get isOn(): boolean {
    return this.#bits !== null
  }

  /** EINVAL if a mapping has more pages than a bitmap has bits, ENOMEM if this machine has no memory for as many. */
  checkSize({ size }: Pick<DmaMapping, 'size'>): void {
    if (size / this.#page >= maxPages) throw new Errno('EINVAL')
    if (size / this.#page > maxPagesInMemory) throw new Errno('ENOMEM')
  }

  /** The bitmap that a call names at `at` of its struct, for `size` bytes from `base` on; EINVAL if it is too short. */
  bitmap(
    { struct, at, pointers }: { struct: Uint8Array; at: number; pointers: readonly IoctlPointer[] },
    { base, size }: { base: bigint; size: bigint },
  ): Bitmap {
    if (struct.length < at + vfioBitmap.size) throw new Errno('EINVAL')
    const values = decode(vfioBitmap, struct, at)
    if (!isBitmapFor(values, size)) throw new Errno('EINVAL')
    const field = at + vfioBitmap.fields.data[0]
    return { base, pgsize: values.pgsize, bytes: bytesAt(pointerAt(pointers, field)) ?? new Uint8Array() }
  }

  /** EINVAL if nobody logs, or a bit would not be for a page. */
  checkFillable({ pgsize }: Bitmap): void {
    if (this.#bits === null || pgsize !== this.#page) throw new Errno('EINVAL')
  }

  /** A driver may have written there, for its device. */
  mark(iova: bigint, size: bigint): void {
    for (let at = iova - (iova % this.#page); at < iova + size; at += this.#page) {
      const mapping = this.#mappings.lowest(at, at)
      if (mapping !== null) this.#add(mapping, 1n << ((at - mapping.iova) / this.#page))
    }
  }

  /** Marks all pages: a writer without anyone's knowing is gone, and what it wrote stays. */
  markAll(): void {
    for (const mapping of this.#mappings) this.#add(mapping, this.#pagesOf(mapping))
  }

  /**
   * Fills in the bits of a mapping, which are clean from then on but for pages that are pinned. EFAULT if no memory is
   * there. The driver moves its own bits to where the mapping has them in the bitmap, and forgets to clear those that
   * go beyond the mapping there: the next answer has them.
   */
  take(mapping: DmaMapping, { base, bytes }: Bitmap, isAllDirty: boolean): void {
    if (isAllDirty) this.#add(mapping, this.#pagesOf(mapping))
    const first = (mapping.iova - base) / this.#page
    const shift = first % wordBits
    const words = Number((shift + mapping.size / this.#page + wordBits - 1n) / wordBits)
    const at = Number(first / wordBits) * wordBytes
    if (at + words * wordBytes > bytes.length) throw new Errno('EFAULT')
    const view = new DataView(bytes.buffer, bytes.byteOffset + at)
    const others = shift > 0n ? view.getBigUint64(0, kernelOrder) : 0n
    const moved = BigInt.asUintN(words * 64, (this.#bits?.get(mapping) ?? 0n) << shift) | others
    for (let word = 0; word < words; word++) {
      view.setBigUint64(word * wordBytes, BigInt.asUintN(64, moved >> (BigInt(word) * wordBits)), kernelOrder)
    }
    this.#bits?.set(mapping, moved & ~this.#pagesOf(mapping))
    this.#markPinned(mapping)
  }

  forget(mapping: DmaMapping): void {
    this.#bits?.delete(mapping)
  }

  /** All bits of a mapping. */
  #pagesOf({ size }: DmaMapping): bigint {
    return (1n << (size / this.#page)) - 1n
  }

  #add(mapping: DmaMapping, bits: bigint): void {
    this.#bits?.set(mapping, (this.#bits.get(mapping) ?? 0n) | bits)
  }

  #markPinned({ iova, size }: DmaMapping): void {
    for (const pinned of this.#mappings.pins) {
      if (pinned.iova >= iova && pinned.iova < iova + size) this.mark(pinned.iova, this.#page)
    }
  }

  #report(data: Uint8Array, pointers: readonly IoctlPointer[], isAllDirty: boolean): void {
    if (data.length < vfioIommuType1DirtyBitmapGet.size) throw new Errno('EINVAL')
    const { iova, size } = decode(vfioIommuType1DirtyBitmapGet, data)
    if (size === 0n) throw new Errno('EINVAL')
    const last = iova + size - 1n
    // before EOVERFLOW came, the last byte of all was too far
    const isPast = last > top || (last === top && this.#traits.type1Wrap === 'EINVAL')
    if (isPast) throw new Errno(this.#traits.type1Wrap)
    const at = vfioIommuType1DirtyBitmapGet.size - vfioBitmap.size
    const moved = pointers.map((it) => ({ ...it, offset: it.offset - vfioIommuType1DirtyBitmap.size }))
    const bitmap = this.bitmap({ struct: data, at, pointers: moved }, { base: iova, size })
    this.checkFillable(bitmap)
    if (((iova | size) & (this.#page - 1n)) !== 0n) throw new Errno('EINVAL')
    const found = this.#mappings.overlapping(iova, last)
    if (found.some((it) => it.iova < iova || it.iova + it.size - 1n > last)) throw new Errno('EINVAL')
    for (const mapping of found) this.take(mapping, bitmap, isAllDirty)
  }
}

/** It has a bit for each page of its smallest size, and is of a size that there can be. */
function isBitmapFor({ pgsize, size: bytes }: Values<typeof vfioBitmap>, size: bigint): boolean {
  const lowestBit = pgsize & -pgsize
  const pages = lowestBit === 0n ? size : size / lowestBit
  const needed = ((pages + 63n) / 64n) * 8n
  return pages > 0n && bytes >= needed && bytes <= maxBitmapBytes
}
