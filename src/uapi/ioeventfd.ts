/** struct vfio_device_ioeventfd, of VFIO_DEVICE_IOEVENTFD; `offset` counts from the start of the device's file. */
export const vfioDeviceIoeventfd = {
  name: 'vfio_device_ioeventfd',
  size: 32,
  fields: { argsz: [0, 'u32'], flags: [4, 'u32'], offset: [8, 'u64'], data: [16, 'u64'], fd: [24, 's32'] },
} as const

/** How wide the write is: exactly one of these. */
export const ioeventfdFlag = {
  VFIO_DEVICE_IOEVENTFD_8: 0x1,
  VFIO_DEVICE_IOEVENTFD_16: 0x2,
  VFIO_DEVICE_IOEVENTFD_32: 0x4,
  VFIO_DEVICE_IOEVENTFD_64: 0x8,
  VFIO_DEVICE_IOEVENTFD_SIZE_MASK: 0xf,
} as const
