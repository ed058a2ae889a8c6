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

/** What a device's migration can do, in struct vfio_device_feature_migration. */
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

/** struct vfio_device_feature_mig_state, of VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE; data_fd is -1 where there is none. */
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
