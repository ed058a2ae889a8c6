import type { IoctlPointer } from '../../kernel/kernel.ts'
import { decode, type Values } from '../../uapi/struct.ts'
import {
  dirtyPagesFlag,
  vfioBitmap,
  vfioIommuType1DirtyBitmap,
  vfioIommuType1DirtyBitmapGet,
} from '../../uapi/type1-dirty-pages.ts'
import { Errno } from '../errno.ts'
import { targetOf } from '../iommufd/pointer-target.ts'
import type { KernelTraits } from '../kernel-traits.ts'
import { pageSize } from '../memory.ts'
import type { IoctlArgument } from '../open-file.ts'
import type { DmaMapping, DmaMappings } from './dma-mappings.ts'
import { structArgument } from './ioctl-argument.ts'

const { VFIO_IOMMU_DIRTY_PAGES_FLAG_START, VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP } = dirtyPagesFlag
const { VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP } = dirtyPagesFlag
const page = BigInt(pageSize)
const wordBits = 64
const top = 0xffff_ffff_ffff_ffffn
/** The bitmap of 2^31 pages, in bytes. */
export const mostBitmapBytes: bigint = 2n ** 28n

/** Where a process wants one bit for each page, from address `base` on. */
export interface Bitmap {
  readonly base: bigint
  readonly bytes: Uint8Array
}

/**
 * What type1 tells of the pages that devices may have written to. Behind an IOMMU that is all that is mapped; without
 * one, what drivers have pinned, and what they wrote for their devices.
 */
export class DirtyPages {
  readonly #mappings: DmaMappings
  readonly #traits: KernelTraits
  /** By their addresses; null while nobody asks. */
  #pages: Set<bigint> | null = null

  constructor(mappings: DmaMappings, traits: KernelTraits) {
    this.#mappings = mappings
    this.#traits = traits
  }

  /** VFIO_IOMMU_DIRTY_PAGES. `isAllDirty`: some device can write without anyone's knowing. */
  ioctl(argument: IoctlArgument, pointers: readonly IoctlPointer[], isAllDirty: boolean): number {
    const { bytes, values } = structArgument(vfioIommuType1DirtyBitmap, argument, vfioIommuType1DirtyBitmap.size)
    switch (values.flags) {
      case VFIO_IOMMU_DIRTY_PAGES_FLAG_START:
        this.#pages ??= new Set([...this.#mappings.pins].map(({ iova }) => iova))
        return 0
      case VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP:
        this.#pages = null
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

  /** The bitmap that a call names at `at` of its struct, for `size` bytes from `base` on; EINVAL where nobody logs. */
  bitmap(
    { struct, at, pointers }: { struct: Uint8Array; at: number; pointers: readonly IoctlPointer[] },
    { base, size }: { base: bigint; size: bigint },
  ): Bitmap {
    if (struct.length < at + vfioBitmap.size) throw new Errno('EINVAL')
    const values = decode(vfioBitmap, struct, at)
    if (this.#pages === null || !isBitmapFor(values, size)) throw new Errno('EINVAL')
    const field = at + vfioBitmap.fields.data[0]
    const length = pointers.find(({ offset }) => offset === field)?.target.length ?? 0
    return { base, bytes: targetOf(pointers, field, length) }
  }

  /** A driver may have written there, for its device. */
  mark(iova: bigint, size: bigint): void {
    if (this.#pages === null) return
    for (let at = iova - (iova % page); at < iova + size; at += page) this.#pages.add(at)
  }

  /** Whoever wrote without anyone's knowing is gone, and what it wrote stays. */
  markAll(): void {
    for (const { iova, size } of this.#mappings) this.mark(iova, size)
  }

  /** Fills in the bits of a mapping, which are clean from then on but for pages that are pinned. EFAULT where none is there. */
  take({ iova, size }: DmaMapping, { base, bytes }: Bitmap, isAllDirty: boolean): void {
    const first = Number((iova - base) / page)
    const start = Math.floor(first / wordBits) * (wordBits / 8)
    const shift = first % wordBits
    const count = Number(size / page)
    const length = Math.ceil((shift + count) / wordBits) * (wordBits / 8)
    if (start + length > bytes.length) throw new Errno('EFAULT')
    const words = new Uint8Array(length)
    // what is there of the mapping before is kept; else the bits behind are cleared
    if (shift > 0) words.set(bytes.subarray(start, start + wordBits / 8))
    for (let nth = 0; nth < count; nth++) {
      const address = iova + BigInt(nth) * page
      if (!isAllDirty && this.#pages?.has(address) !== true) continue
      const bit = shift + nth
      words[bit >> 3] = (words[bit >> 3] ?? 0) | (1 << (bit & 7))
    }
    bytes.set(words, start)
    this.forget({ iova, size })
    for (const pinned of this.#mappings.pins) {
      if (pinned.iova >= iova && pinned.iova < iova + size) this.#pages?.add(pinned.iova)
    }
  }

  forget({ iova, size }: Pick<DmaMapping, 'iova' | 'size'>): void {
    for (const address of this.#pages ?? []) {
      if (address >= iova && address < iova + size) this.#pages?.delete(address)
    }
  }

  #report(data: Uint8Array, pointers: readonly IoctlPointer[], isAllDirty: boolean): void {
    if (data.length < vfioIommuType1DirtyBitmapGet.size) throw new Errno('EINVAL')
    const { iova, size } = decode(vfioIommuType1DirtyBitmapGet, data)
    if (size === 0n) throw new Errno('EINVAL')
    const last = iova + size - 1n
    if (last > top) throw new Errno(this.#traits.type1Wrap)
    const at = vfioIommuType1DirtyBitmapGet.size - vfioBitmap.size
    const moved = pointers.map((it) => ({ ...it, offset: it.offset - vfioIommuType1DirtyBitmap.size }))
    const bitmap = this.bitmap({ struct: data, at, pointers: moved }, { base: iova, size })
    if (((iova | size) & (page - 1n)) !== 0n) throw new Errno('EINVAL')
    const found = this.#mappings.overlapping(iova, last)
    if (found.some((it) => it.iova < iova || it.iova + it.size - 1n > last)) throw new Errno('EINVAL')
    for (const mapping of found) this.take(mapping, bitmap, isAllDirty)
  }
}

/** It has a bit for each page of the smallest size, and is of a size that there can be. */
function isBitmapFor({ pgsize, size: bytes }: Values<typeof vfioBitmap>, size: bigint): boolean {
  const pages = size / page
  const needed = ((pages + 63n) / 64n) * 8n
  return pgsize === page && pages > 0n && bytes >= needed && bytes <= mostBitmapBytes
}
