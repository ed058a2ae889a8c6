/** struct vfio_device_feature, of VFIO_DEVICE_FEATURE, before its data. */
export const vfioDeviceFeature = {
  name: 'vfio_device_feature',
  size: 8,
  fields: { argsz: [0, 'u32'], flags: [4, 'u32'] },
} as const

/** VFIO_DEVICE_FEATURE_* of the field flags: the operation, and the mask of the feature's number. */
export const deviceFeatureFlag = {
  VFIO_DEVICE_FEATURE_MASK: 0xffff,
  VFIO_DEVICE_FEATURE_GET: 0x1_0000,
  VFIO_DEVICE_FEATURE_SET: 0x2_0000,
  VFIO_DEVICE_FEATURE_PROBE: 0x4_0000,
} as const

/** Macro of each feature in linux/vfio.h, and its number. */
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

/**
 * struct vfio_device_feature_dma_buf, followed by `nr_ranges` of struct vfio_region_dma_range; the call returns a
 * dma-buf.
 */
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

/** enum vfio_device_mig_state. */
export const deviceState = {
  VFIO_DEVICE_STATE_ERROR: 0,
  VFIO_DEVICE_STATE_STOP: 1,
  VFIO_DEVICE_STATE_RUNNING: 2,
  VFIO_DEVICE_STATE_STOP_COPY: 3,
  VFIO_DEVICE_STATE_RESUMING: 4,
  VFIO_DEVICE_STATE_RUNNING_P2P: 5,
  VFIO_DEVICE_STATE_PRE_COPY: 6,
  VFIO_DEVICE_STATE_PRE_COPY_P2P: 7,
} as const

/** Abilities of a device's migration, flags in struct vfio_device_feature_migration. */
export const migrationFlag = {
  VFIO_MIGRATION_STOP_COPY: 0x1,
  VFIO_MIGRATION_P2P: 0x2,
  VFIO_MIGRATION_PRE_COPY: 0x4,
} as const

/** struct vfio_device_feature_migration, of VFIO_DEVICE_FEATURE_MIGRATION. */
export const vfioDeviceFeatureMigration = {
  name: 'vfio_device_feature_migration',
  size: 8,
  fields: { flags: [0, 'u64'] },
} as const

/** struct vfio_device_feature_mig_state, of VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE; data_fd is -1 if there is none. */
export const vfioDeviceFeatureMigState = {
  name: 'vfio_device_feature_mig_state',
  size: 8,
  fields: { device_state: [0, 'u32'], data_fd: [4, 's32'] },
} as const

/** struct vfio_device_feature_mig_data_size, of VFIO_DEVICE_FEATURE_MIG_DATA_SIZE. */
export const vfioDeviceFeatureMigDataSize = {
  name: 'vfio_device_feature_mig_data_size',
  size: 8,
  fields: { stop_copy_length: [0, 'u64'] },
} as const

/** struct vfio_precopy_info, of VFIO_MIG_GET_PRECOPY_INFO. */
export const vfioPrecopyInfo = {
  name: 'vfio_precopy_info',
  size: 24,
  fields: { argsz: [0, 'u32'], flags: [4, 'u32'], initial_bytes: [8, 'u64'], dirty_bytes: [16, 'u64'] },
} as const

/** struct vfio_device_gfx_plane_info, of VFIO_DEVICE_QUERY_GFX_PLANE; dmabuf_id is in the place of region_index. */
export const vfioDeviceGfxPlaneInfo = {
  name: 'vfio_device_gfx_plane_info',
  size: 64,
  fields: {
    argsz: [0, 'u32'],
    flags: [4, 'u32'],
    drm_plane_type: [8, 'u32'],
    drm_format: [12, 'u32'],
    drm_format_mod: [16, 'u64'],
    width: [24, 'u32'],
    height: [28, 'u32'],
    stride: [32, 'u32'],
    size: [36, 'u32'],
    x_pos: [40, 'u32'],
    y_pos: [44, 'u32'],
    x_hot: [48, 'u32'],
    y_hot: [52, 'u32'],
    region_index: [56, 'u32'],
    dmabuf_id: [56, 'u32'],
  },
} as const

/** VFIO_GFX_PLANE_TYPE_*. */
export const gfxPlaneFlag = {
  VFIO_GFX_PLANE_TYPE_PROBE: 0x1,
  VFIO_GFX_PLANE_TYPE_DMABUF: 0x2,
  VFIO_GFX_PLANE_TYPE_REGION: 0x4,
} as const

/** The kind of plane, of the kernel's display interface (enum drm_plane_type). */
export const drmPlaneType = { overlay: 0, primary: 1, cursor: 2 } as const

/** The region that holds a display's EDID. */
export const gfxRegion = {
  VFIO_REGION_TYPE_GFX: 1,
  VFIO_REGION_SUBTYPE_GFX_EDID: 1,
} as const

/** struct vfio_region_gfx_edid, at the start of that region. Its fields are read and written one by one. */
export const vfioRegionGfxEdid = {
  name: 'vfio_region_gfx_edid',
  size: 24,
  fields: {
    edid_offset: [0, 'u32'],
    edid_max_size: [4, 'u32'],
    edid_size: [8, 'u32'],
    max_xres: [12, 'u32'],
    max_yres: [16, 'u32'],
    link_state: [20, 'u32'],
  },
} as const

/** VFIO_DEVICE_GFX_LINK_STATE_*. */
export const gfxLinkState = {
  VFIO_DEVICE_GFX_LINK_STATE_UP: 1,
  VFIO_DEVICE_GFX_LINK_STATE_DOWN: 2,
} as const
