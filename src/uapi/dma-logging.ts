/** struct vfio_device_feature_dma_logging_control, of VFIO_DEVICE_FEATURE_DMA_LOGGING_START; ranges is an address. */
export const vfioDeviceFeatureDmaLoggingControl = {
  name: 'vfio_device_feature_dma_logging_control',
  size: 24,
  fields: { page_size: [0, 'u64'], num_ranges: [8, 'u32'], ranges: [16, 'u64'] },
} as const

/** struct vfio_device_feature_dma_logging_range. */
export const vfioDeviceFeatureDmaLoggingRange = {
  name: 'vfio_device_feature_dma_logging_range',
  size: 16,
  fields: { iova: [0, 'u64'], length: [8, 'u64'] },
} as const

/** struct vfio_device_feature_dma_logging_report, of VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT; bitmap is an address. */
export const vfioDeviceFeatureDmaLoggingReport = {
  name: 'vfio_device_feature_dma_logging_report',
  size: 32,
  fields: { iova: [0, 'u64'], length: [8, 'u64'], page_size: [16, 'u64'], bitmap: [24, 'u64'] },
} as const
