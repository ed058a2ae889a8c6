import { VfioError } from '../base/errors.ts'
import { type InfoCapability, vfioInfoCapHeader } from './info-capabilities.ts'
import { decode } from './struct.ts'

/** Capability ids behind VFIO_DEVICE_GET_REGION_INFO (linux/vfio.h). */
export const regionCapability = {
  VFIO_REGION_INFO_CAP_SPARSE_MMAP: 1,
  VFIO_REGION_INFO_CAP_TYPE: 2,
  VFIO_REGION_INFO_CAP_MSIX_MAPPABLE: 3,
} as const

/** struct vfio_region_info_cap_sparse_mmap, before its areas. */
export const vfioRegionInfoCapSparseMmap = {
  name: 'vfio_region_info_cap_sparse_mmap',
  size: 16,
  fields: { nr_areas: [8, 'u32'], reserved: [12, 'u32'] },
} as const

/** struct vfio_region_sparse_mmap_area. */
export const vfioRegionSparseMmapArea = {
  name: 'vfio_region_sparse_mmap_area',
  size: 16,
  fields: { offset: [0, 'u64'], size: [8, 'u64'] },
} as const

/** struct vfio_region_info_cap_type. */
export const vfioRegionInfoCapType = {
  name: 'vfio_region_info_cap_type',
  size: 16,
  fields: { type: [8, 'u32'], subtype: [12, 'u32'] },
} as const

/** Bytes of a region that can be mapped, counted from the region's start. */
export interface SparseArea {
  readonly offset: bigint
  readonly size: bigint
}

/** A capability of a region’s info (VFIO_DEVICE_GET_REGION_INFO); `unknown` with its bytes if this library does not decode it. */
export type RegionCapability =
  /** Only these areas of the region can be mapped. */
  | { readonly name: 'sparse-mmap'; readonly areas: readonly SparseArea[] }
  /** What a device-specific region is (VFIO_REGION_TYPE_*, VFIO_REGION_SUBTYPE_*). */
  | { readonly name: 'type'; readonly type: number; readonly subtype: number }
  /** The region may be mapped although it holds the MSI-X table. */
  | { readonly name: 'msix-mappable' }
  | { readonly name: 'unknown'; readonly id: number; readonly version: number; readonly data: Uint8Array }

/** Throws KERNEL_ANSWER where the capability is shorter than its struct. What is not known is kept as it came. */
export function decodeRegionCapability({ id, version, bytes }: InfoCapability): RegionCapability {
  if (version === 1) {
    switch (id) {
      case regionCapability.VFIO_REGION_INFO_CAP_SPARSE_MMAP:
        return { name: 'sparse-mmap', areas: sparseAreas(bytes) }
      case regionCapability.VFIO_REGION_INFO_CAP_TYPE: {
        const { type, subtype } = decode(vfioRegionInfoCapType, bytes)
        return { name: 'type', type, subtype }
      }
      case regionCapability.VFIO_REGION_INFO_CAP_MSIX_MAPPABLE:
        return { name: 'msix-mappable' }
    }
  }
  return { name: 'unknown', id, version, data: bytes.slice(vfioInfoCapHeader.size) }
}

function sparseAreas(bytes: Uint8Array): SparseArea[] {
  const { nr_areas } = decode(vfioRegionInfoCapSparseMmap, bytes)
  const room = Math.floor((bytes.length - vfioRegionInfoCapSparseMmap.size) / vfioRegionSparseMmapArea.size)
  if (nr_areas > room) {
    throw new VfioError(
      'KERNEL_ANSWER',
      `a sparse-mmap capability announces ${nr_areas} areas and has room for ${room}`,
      {
        facts: { struct: vfioRegionInfoCapSparseMmap.name, areas: nr_areas, room, bytes: bytes.length },
      },
    )
  }
  return Array.from({ length: nr_areas }, (_, area) =>
    decode(vfioRegionSparseMmapArea, bytes, vfioRegionInfoCapSparseMmap.size + area * vfioRegionSparseMmapArea.size),
  )
}
