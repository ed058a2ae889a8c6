/**
 * struct ccw_io_region (linux/vfio_ccw.h), whose areas have the structs of a channel subsystem: a write starts a
 * function.
 */
export const ccwIoRegion = {
  name: 'ccw_io_region',
  size: 124,
  fields: { ret_code: [120, 's32'] },
} as const

/** The areas of struct ccw_io_region: where each begins, and its bytes. */
export const ccwIoArea = {
  orb: { offset: 0, size: 12 },
  scsw: { offset: 12, size: 12 },
  irb: { offset: 24, size: 96 },
} as const

/** struct ccw_cmd_region: a write does what `command` says (VFIO_CCW_ASYNC_CMD_*). */
export const ccwCmdRegion = {
  name: 'ccw_cmd_region',
  size: 8,
  fields: { command: [0, 'u32'], ret_code: [4, 's32'] },
} as const

/** VFIO_CCW_ASYNC_CMD_*: HALT SUBCHANNEL and CLEAR SUBCHANNEL. */
export const ccwAsyncCommand = { VFIO_CCW_ASYNC_CMD_HSCH: 0x1, VFIO_CCW_ASYNC_CMD_CSCH: 0x2 } as const

/** Bytes of struct ccw_schib_region: a read asks the hardware (STORE SUBCHANNEL). */
export const ccwSchibRegionSize = 52

/** struct ccw_crw_region: each read takes one report away; none is zero. */
export const ccwCrwRegion = { name: 'ccw_crw_region', size: 8, fields: { crw: [0, 'u32'], pad: [4, 'u32'] } } as const

/** VFIO_REGION_TYPE_CCW, and VFIO_REGION_SUBTYPE_CCW_* (linux/vfio.h). */
export const ccwRegionType = {
  VFIO_REGION_TYPE_CCW: 2,
  VFIO_REGION_SUBTYPE_CCW_ASYNC_CMD: 1,
  VFIO_REGION_SUBTYPE_CCW_SCHIB: 2,
  VFIO_REGION_SUBTYPE_CCW_CRW: 3,
} as const
