/** struct vfio_device_feature, of VFIO_DEVICE_FEATURE, before its data. */
export const vfioDeviceFeature = {
  name: 'vfio_device_feature',
  size: 8,
  fields: { argsz: [0, 'u32'], flags: [4, 'u32'] },
} as const

export const deviceFeatureFlag = {
  VFIO_DEVICE_FEATURE_MASK: 0xffff,
  VFIO_DEVICE_FEATURE_GET: 0x1_0000,
  VFIO_DEVICE_FEATURE_SET: 0x2_0000,
  VFIO_DEVICE_FEATURE_PROBE: 0x4_0000,
} as const

/** What linux/vfio.h calls each feature, and its number. */
export const deviceFeatures = {
  'pci-vf-token': { macro: 'VFIO_DEVICE_FEATURE_PCI_VF_TOKEN', id: 0 },
  migration: { macro: 'VFIO_DEVICE_FEATURE_MIGRATION', id: 1 },
  'mig-device-state': { macro: 'VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE', id: 2 },
  'low-power-entry': { macro: 'VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY', id: 3 },
  'low-power-entry-with-wakeup': { macro: 'VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP', id: 4 },
  'low-power-exit': { macro: 'VFIO_DEVICE_FEATURE_LOW_POWER_EXIT', id: 5 },
  'dma-logging-start': { macro: 'VFIO_DEVICE_FEATURE_DMA_LOGGING_START', id: 6 },
  'dma-logging-stop': { macro: 'VFIO_DEVICE_FEATURE_DMA_LOGGING_STOP', id: 7 },
  'dma-logging-report': { macro: 'VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT', id: 8 },
  'mig-data-size': { macro: 'VFIO_DEVICE_FEATURE_MIG_DATA_SIZE', id: 9 },
  'bus-master': { macro: 'VFIO_DEVICE_FEATURE_BUS_MASTER', id: 10 },
  'dma-buf': { macro: 'VFIO_DEVICE_FEATURE_DMA_BUF', id: 11 },
  'mig-precopy-info-v2': { macro: 'VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2', id: 12 },
  'zpci-error': { macro: 'VFIO_DEVICE_FEATURE_ZPCI_ERROR', id: 13 },
} as const

/** A feature of VFIO_DEVICE_FEATURE that this library knows, by name. */
export type DeviceFeatureName = keyof typeof deviceFeatures

/** struct vfio_device_low_power_entry_with_wakeup. */
export const vfioDeviceLowPowerEntryWithWakeup = {
  name: 'vfio_device_low_power_entry_with_wakeup',
  size: 8,
  fields: { wakeup_eventfd: [0, 's32'], reserved: [4, 'u32'] },
} as const

/** struct vfio_device_feature_dma_buf, followed by `nr_ranges` of struct vfio_region_dma_range; the call returns a dma-buf. */
export const vfioDeviceFeatureDmaBuf = {
  name: 'vfio_device_feature_dma_buf',
  size: 16,
  fields: { region_index: [0, 'u32'], open_flags: [4, 'u32'], flags: [8, 'u32'], nr_ranges: [12, 'u32'] },
} as const

/** struct vfio_region_dma_range: whole pages of a region. */
export const vfioRegionDmaRange = {
  name: 'vfio_region_dma_range',
  size: 16,
  fields: { offset: [0, 'u64'], length: [8, 'u64'] },
} as const
