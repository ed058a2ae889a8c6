import { type InfoCapability, infoCapabilities } from './info-capabilities.ts'
import { decode } from './struct.ts'

/** struct vfio_iommu_type1_info, of VFIO_IOMMU_GET_INFO. */
export const vfioIommuType1Info = {
  name: 'vfio_iommu_type1_info',
  size: 24,
  fields: { argsz: [0, 'u32'], flags: [4, 'u32'], iova_pgsizes: [8, 'u64'], cap_offset: [16, 'u32'] },
} as const

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

export const dmaUnmapFlag = {
  VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP: 0x1,
  VFIO_DMA_UNMAP_FLAG_ALL: 0x2,
  VFIO_DMA_UNMAP_FLAG_VADDR: 0x4,
} as const

export interface Type1Info {
  /** One bit per page size the IOMMU can map; null where the kernel does not say. */
  readonly pageSizes: bigint | null
  readonly capabilities: readonly InfoCapability[]
}

/** `answer` ends where the kernel's answer does. Throws KERNEL_ANSWER where it makes no sense. */
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
