import { VfioError } from '../base/errors.ts'
import { decode, type InfoCapability, infoCapabilities } from './struct.ts'

/** Answer of VFIO_GET_API_VERSION on every kernel so far (linux/vfio.h VFIO_API_VERSION). */
export const VFIO_API_VERSION = 0

/** Arguments of VFIO_CHECK_EXTENSION; those named IOMMU are VFIO_SET_IOMMU's too (linux/vfio.h). */
export const extension = {
  VFIO_TYPE1_IOMMU: 1,
  VFIO_SPAPR_TCE_IOMMU: 2,
  VFIO_TYPE1v2_IOMMU: 3,
  VFIO_DMA_CC_IOMMU: 4,
  VFIO_EEH: 5,
  VFIO_TYPE1_NESTING_IOMMU: 6,
  VFIO_SPAPR_TCE_v2_IOMMU: 7,
  VFIO_NOIOMMU_IOMMU: 8,
  VFIO_UNMAP_ALL: 9,
  VFIO_UPDATE_VADDR: 10,
} as const

/** struct vfio_group_status, of VFIO_GROUP_GET_STATUS. */
export const vfioGroupStatus = {
  name: 'vfio_group_status',
  size: 8,
  fields: { argsz: [0, 'u32'], flags: [4, 'u32'] },
} as const

/** VFIO_GROUP_FLAGS_*. */
export const groupFlag = {
  VFIO_GROUP_FLAGS_VIABLE: 0x1,
  VFIO_GROUP_FLAGS_CONTAINER_SET: 0x2,
} as const

/** The status of a group. */
export interface GroupStatus {
  /** Every device of the group is with VFIO or has no driver. */
  readonly viable: boolean
  /** The group is in a container. */
  readonly containerSet: boolean
}

/** Decodes struct vfio_group_status. */
export function decodeGroupStatus(bytes: Uint8Array): GroupStatus {
  const { flags } = decode(vfioGroupStatus, bytes)
  return {
    viable: (flags & groupFlag.VFIO_GROUP_FLAGS_VIABLE) !== 0,
    containerSet: (flags & groupFlag.VFIO_GROUP_FLAGS_CONTAINER_SET) !== 0,
  }
}

/** struct vfio_iommu_type1_info, of VFIO_IOMMU_GET_INFO. */
export const vfioIommuType1Info = {
  name: 'vfio_iommu_type1_info',
  size: 24,
  fields: { argsz: [0, 'u32'], flags: [4, 'u32'], iova_pgsizes: [8, 'u64'], cap_offset: [16, 'u32'] },
} as const

/** VFIO_IOMMU_INFO_*. */
export const iommuInfoFlag = {
  VFIO_IOMMU_INFO_PGSIZES: 0x1,
  VFIO_IOMMU_INFO_CAPS: 0x2,
} as const

/** struct vfio_iommu_type1_dma_map, of VFIO_IOMMU_MAP_DMA. */
export const vfioIommuType1DmaMap = {
  name: 'vfio_iommu_type1_dma_map',
  size: 32,
  fields: { argsz: [0, 'u32'], flags: [4, 'u32'], vaddr: [8, 'u64'], iova: [16, 'u64'], size: [24, 'u64'] },
} as const

/** READ and WRITE are what the device may do. */
export const dmaMapFlag = {
  VFIO_DMA_MAP_FLAG_READ: 0x1,
  VFIO_DMA_MAP_FLAG_WRITE: 0x2,
  VFIO_DMA_MAP_FLAG_VADDR: 0x4,
} as const

/** struct vfio_iommu_type1_dma_unmap, of VFIO_IOMMU_UNMAP_DMA; the kernel writes the bytes unmapped into `size`. */
export const vfioIommuType1DmaUnmap = {
  name: 'vfio_iommu_type1_dma_unmap',
  size: 24,
  fields: { argsz: [0, 'u32'], flags: [4, 'u32'], iova: [8, 'u64'], size: [16, 'u64'] },
} as const

/** VFIO_DMA_UNMAP_FLAG_*. */
export const dmaUnmapFlag = {
  VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP: 0x1,
  VFIO_DMA_UNMAP_FLAG_ALL: 0x2,
  VFIO_DMA_UNMAP_FLAG_VADDR: 0x4,
} as const

/** Answer of VFIO_IOMMU_GET_INFO. */
export interface Type1Info {
  /** One bit per page size the IOMMU can map; null if the kernel does not say. */
  readonly pageSizes: bigint | null
  readonly capabilities: readonly InfoCapability[]
}

/** `answer` ends where the kernel's answer does. Throws MALFORMED_REPLY if it makes no sense. */
export function decodeType1Info(answer: Uint8Array): Type1Info {
  const { flags, iova_pgsizes, cap_offset } = decode(vfioIommuType1Info, answer)
  const hasCapabilities = (flags & iommuInfoFlag.VFIO_IOMMU_INFO_CAPS) !== 0
  return {
    pageSizes: (flags & iommuInfoFlag.VFIO_IOMMU_INFO_PGSIZES) === 0 ? null : iova_pgsizes,
    capabilities: hasCapabilities
      ? infoCapabilities(vfioIommuType1Info.name, answer, cap_offset, vfioIommuType1Info.size)
      : [],
  }
}

/** Ids of the capabilities behind struct vfio_iommu_type1_info (linux/vfio.h). */
export const type1Capability = {
  VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE: 1,
  VFIO_IOMMU_TYPE1_INFO_CAP_MIGRATION: 2,
  /** The one macro without CAP in its name. */
  VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL: 3,
} as const

/** struct vfio_iommu_type1_info_cap_iova_range, before its ranges. */
export const vfioIommuType1InfoCapIovaRange = {
  name: 'vfio_iommu_type1_info_cap_iova_range',
  size: 16,
  fields: { nr_iovas: [8, 'u32'] },
} as const

/** Both ends inclusive. */
export const vfioIovaRange = {
  name: 'vfio_iova_range',
  size: 16,
  fields: { start: [0, 'u64'], end: [8, 'u64'] },
} as const

/** struct vfio_iommu_type1_info_dma_avail. */
export const vfioIommuType1InfoDmaAvail = {
  name: 'vfio_iommu_type1_info_dma_avail',
  size: 12,
  fields: { avail: [8, 'u32'] },
} as const

/** The IOVA_RANGE capability; null if there is none. Throws MALFORMED_REPLY if it makes no sense. */
export function iovaRanges(
  chain: readonly InfoCapability[],
): { readonly first: bigint; readonly last: bigint }[] | null {
  const bytes = chain.find(({ id }) => id === type1Capability.VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE)?.bytes
  if (bytes === undefined) return null
  const { size } = vfioIommuType1InfoCapIovaRange
  const { nr_iovas } = decode(vfioIommuType1InfoCapIovaRange, bytes)
  if (size + nr_iovas * vfioIovaRange.size > bytes.length) {
    throw new VfioError(
      'MALFORMED_REPLY',
      `${nr_iovas} IOVA ranges do not fit in a capability of ${bytes.length} bytes`,
      {
        facts: { ranges: nr_iovas, bytes: bytes.length },
      },
    )
  }
  return Array.from({ length: nr_iovas }, (_, index) => {
    const { start, end } = decode(vfioIovaRange, bytes, size + index * vfioIovaRange.size)
    return { first: start, last: end }
  })
}

/** Number of mappings that the container still takes; null if the kernel does not say. */
export function dmaAvail(chain: readonly InfoCapability[]): number | null {
  const bytes = chain.find(({ id }) => id === type1Capability.VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL)?.bytes
  return bytes === undefined ? null : decode(vfioIommuType1InfoDmaAvail, bytes).avail
}

/** struct vfio_bitmap, behind struct vfio_iommu_type1_dma_unmap: one bit for each page; `data` is an address. */
export const vfioBitmap = {
  name: 'vfio_bitmap',
  size: 24,
  fields: { pgsize: [0, 'u64'], size: [8, 'u64'], data: [16, 'u64'] },
} as const

/** struct vfio_iommu_type1_dirty_bitmap, of VFIO_IOMMU_DIRTY_PAGES. */
export const vfioIommuType1DirtyBitmap = {
  name: 'vfio_iommu_type1_dirty_bitmap',
  size: 8,
  fields: { argsz: [0, 'u32'], flags: [4, 'u32'] },
} as const

/** One at a time; GET_BITMAP has struct vfio_iommu_type1_dirty_bitmap_get behind it. */
export const dirtyPagesFlag = {
  VFIO_IOMMU_DIRTY_PAGES_FLAG_START: 0x1,
  VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP: 0x2,
  VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP: 0x4,
} as const

/** struct vfio_iommu_type1_dirty_bitmap_get, which ends with a struct vfio_bitmap. */
export const vfioIommuType1DirtyBitmapGet = {
  name: 'vfio_iommu_type1_dirty_bitmap_get',
  size: 40,
  fields: { iova: [0, 'u64'], size: [8, 'u64'] },
} as const
