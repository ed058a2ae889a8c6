import { deviceOrder } from '../../base/byte-order.ts'
import { regionCapability, regionFlag, vfioRegionInfoCapType } from '../../uapi/region.ts'
import { encode, encodeInto, vfioInfoCapHeader } from '../../uapi/struct.ts'
import type { MappedDevice } from '../memory/bar-mapping.ts'
import { singleAccesses } from '../memory/single-accesses.ts'

/** Region INDEX begins at INDEX << 40 of the device's file, in every driver modelled here. */
const regionStride = 2 ** 40

/** The offset at which a region begins in its device's file. */
export function regionOffset(index: number): number {
  return index * regionStride
}

/** The region, and the offset in it, of an offset in the device's file. */
export function splitOffset(offset: number): { index: number; within: number } {
  const index = Math.floor(offset / regionStride)
  return { index, within: offset - index * regionStride }
}

/** A region of a device model. Whoever calls has checked that an access lies inside. */
export interface ModelRegion {
  /** Bytes. */
  readonly size: number
  /** VFIO_REGION_INFO_FLAG_*. */
  readonly flags: number
  /** The chain behind struct vfio_region_info, whose links count from the end of the struct. */
  readonly capabilities?: Uint8Array
  /** A trapped access: what a pread(2) or pwrite(2) in this region is. */
  read(into: Uint8Array, offset: number): void
  /** A trapped write: what a pwrite(2) in this region is. */
  write(from: Uint8Array, offset: number): void
  /**
   * mmap(2) of a part, in whole pages: what its accesses reach, by the offset in the region; null if that part cannot
   * be mapped. Absent of a region that cannot be mapped at all.
   */
  map?(offset: number, length: number): MappedDevice | null
}

/** Bytes of one access. */
export type AccessWidth = 1 | 2 | 4

/** The size of a region, and what its accesses do. */
export interface TrappedRegionOptions {
  /** Bytes. */
  readonly size: number
  /** One read of 1, 2 or 4 bytes at an offset that is a multiple of the width. Zeros if absent. */
  readonly read?: (offset: number, width: AccessWidth) => number
  /** One write likewise; `value` is not negative. Nothing happens if absent. */
  readonly write?: (offset: number, value: number, width: AccessWidth) => void
}

/** Registers: the model sees each access. A longer one is several, as drivers cut it: 4 bytes, else 2, else 1. */
export class TrappedRegion implements ModelRegion {
  readonly size: number
  readonly flags: number = regionFlag.VFIO_REGION_INFO_FLAG_READ | regionFlag.VFIO_REGION_INFO_FLAG_WRITE
  readonly #options: TrappedRegionOptions

  constructor(options: TrappedRegionOptions) {
    this.size = options.size
    this.#options = options
  }

  /** Reads registers, in the accesses that drivers make. */
  read(into: Uint8Array, offset: number): void {
    const word = new DataView(new ArrayBuffer(4))
    for (const { at, width } of singleAccesses(offset, into.length)) {
      word.setUint32(0, this.#options.read?.(offset + at, width) ?? 0, deviceOrder)
      into.set(new Uint8Array(word.buffer, 0, width), at)
    }
  }

  /** Writes registers, in the accesses that drivers make. */
  write(from: Uint8Array, offset: number): void {
    for (const { at, width } of singleAccesses(offset, from.length)) {
      const word = new Uint8Array(4)
      word.set(from.subarray(at, at + width))
      this.#options.write?.(offset + at, new DataView(word.buffer).getUint32(0, deviceOrder), width)
    }
  }
}

/** The capability of a device-specific region that says what it is: the only one in its chain. */
export function typeCapability(type: number, subtype: number): Uint8Array {
  const bytes = encode(vfioRegionInfoCapType, { type, subtype })
  encodeInto(vfioInfoCapHeader, bytes, { id: regionCapability.VFIO_REGION_INFO_CAP_TYPE, version: 1 })
  return bytes
}
