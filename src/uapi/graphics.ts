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

export const gfxLinkState = {
  VFIO_DEVICE_GFX_LINK_STATE_UP: 1,
  VFIO_DEVICE_GFX_LINK_STATE_DOWN: 2,
} as const
