/** struct vfio_device_bind_iommufd, of VFIO_DEVICE_BIND_IOMMUFD; up to out_devid before Linux 6.17, which added the rest. */
export const vfioDeviceBindIommufd = {
  name: 'vfio_device_bind_iommufd',
  size: 24,
  fields: {
    argsz: [0, 'u32'],
    flags: [4, 'u32'],
    iommufd: [8, 's32'],
    out_devid: [12, 'u32'],
    token_uuid_ptr: [16, 'u64'],
  },
} as const

export const bindIommufdFlag = { VFIO_DEVICE_BIND_FLAG_TOKEN: 0x1 } as const

/** struct vfio_device_attach_iommufd_pt, of VFIO_DEVICE_ATTACH_IOMMUFD_PT; pt_id in: an IOAS, out: its page table. */
export const vfioDeviceAttachIommufdPt = {
  name: 'vfio_device_attach_iommufd_pt',
  size: 12,
  fields: { argsz: [0, 'u32'], flags: [4, 'u32'], pt_id: [8, 'u32'] },
} as const

/** struct vfio_device_detach_iommufd_pt, of VFIO_DEVICE_DETACH_IOMMUFD_PT. */
export const vfioDeviceDetachIommufdPt = {
  name: 'vfio_device_detach_iommufd_pt',
  size: 8,
  fields: { argsz: [0, 'u32'], flags: [4, 'u32'] },
} as const
