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
