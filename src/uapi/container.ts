/** What VFIO_GET_API_VERSION answers on every kernel so far (linux/vfio.h VFIO_API_VERSION). */
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
