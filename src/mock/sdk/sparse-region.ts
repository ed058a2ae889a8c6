import {
  regionCapability,
  regionFlag,
  vfioRegionInfoCapSparseMmap,
  vfioRegionSparseMmapArea,
} from '../../uapi/region.ts'
import { encode, encodeInto, vfioInfoCapHeader } from '../../uapi/struct.ts'
import { smallestPage } from '../base/kernel-traits.ts'
import type { MappedDevice } from '../memory/bar-mapping.ts'
import { singleAccesses } from '../memory/single-accesses.ts'
import type { ModelRegion } from './region.ts'

/** A part of a region that is a region of its own. */
export interface SparsePart {
  /** Start of the part; if it can be mapped, a multiple of the page size, as its size is. */
  readonly offset: number
  readonly region: ModelRegion
}

/**
 * A region of several parts, of which those that can be mapped stand in its sparse-mmap capability; the rest is
 * trapped.
 */
export class SparseRegion implements ModelRegion {
  readonly size: number
  readonly flags: number
  readonly capabilities: Uint8Array
  readonly #parts: readonly SparsePart[]

  /** Bytes that no part covers read as zeros, and nothing is kept there. */
  constructor({ size, parts }: { readonly size: number; readonly parts: readonly SparsePart[] }) {
    const { VFIO_REGION_INFO_FLAG_READ, VFIO_REGION_INFO_FLAG_WRITE, VFIO_REGION_INFO_FLAG_MMAP } = regionFlag
    const mappable = parts.filter(({ region }) => region.map !== undefined)
    if (mappable.some(({ offset, region }) => offset % smallestPage !== 0 || region.size % smallestPage !== 0)) {
      throw new RangeError('parts that can be mapped are whole pages')
    }
    this.size = size
    this.flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE | VFIO_REGION_INFO_FLAG_MMAP
    this.capabilities = sparseMmap(mappable)
    this.#parts = parts
  }

  /** Reads the parts of the region; zeros between them. */
  read(into: Uint8Array, offset: number): void {
    into.fill(0)
    for (const { at, width } of singleAccesses(offset, into.length)) {
      const part = this.#partAt(offset + at)
      part?.region.read(into.subarray(at, at + width), offset + at - part.offset)
    }
  }

  /** Writes the parts of the region; between them nothing happens. */
  write(from: Uint8Array, offset: number): void {
    for (const { at, width } of singleAccesses(offset, from.length)) {
      const part = this.#partAt(offset + at)
      part?.region.write(from.subarray(at, at + width), offset + at - part.offset)
    }
  }

  /** Maps pages of the part at an offset; null if no part that can be mapped holds them all. */
  map(offset: number, length: number): MappedDevice | null {
    const part = this.#partAt(offset)
    if (part === undefined || offset + length > part.offset + part.region.size) return null
    const mapped = part.region.map?.(offset - part.offset, length) ?? null
    if (mapped === null) return null
    return {
      load: (at, into) => mapped.load(at - part.offset, into),
      store: (at, from) => mapped.store(at - part.offset, from),
    }
  }

  #partAt(offset: number): SparsePart | undefined {
    return this.#parts.find((part) => offset >= part.offset && offset < part.offset + part.region.size)
  }
}

function sparseMmap(parts: readonly SparsePart[]): Uint8Array {
  const header = encode(vfioRegionInfoCapSparseMmap, { nr_areas: parts.length })
  encodeInto(vfioInfoCapHeader, header, { id: regionCapability.VFIO_REGION_INFO_CAP_SPARSE_MMAP, version: 1, next: 0 })
  const areas = parts.map(({ offset, region }) =>
    encode(vfioRegionSparseMmapArea, { offset: BigInt(offset), size: BigInt(region.size) }),
  )
  return new Uint8Array(Buffer.concat([header, ...areas]))
}
