import { decode } from './struct.ts'

/** struct vfio_group_status, of VFIO_GROUP_GET_STATUS. */
export const vfioGroupStatus = {
  name: 'vfio_group_status',
  size: 8,
  fields: { argsz: [0, 'u32'], flags: [4, 'u32'] },
} as const

export const groupFlag = {
  VFIO_GROUP_FLAGS_VIABLE: 0x1,
  VFIO_GROUP_FLAGS_CONTAINER_SET: 0x2,
} as const

export interface GroupStatus {
  /** Every device of the group is with VFIO or has no driver. */
  readonly viable: boolean
  /** The group is in a container. */
  readonly containerSet: boolean
}

export function decodeGroupStatus(bytes: Uint8Array): GroupStatus {
  const { flags } = decode(vfioGroupStatus, bytes)
  return {
    viable: (flags & groupFlag.VFIO_GROUP_FLAGS_VIABLE) !== 0,
    containerSet: (flags & groupFlag.VFIO_GROUP_FLAGS_CONTAINER_SET) !== 0,
  }
}
