import type { FdTable } from '../descriptors/fd-table.ts'

/** One feature of VFIO_DEVICE_FEATURE. What it lacks of `get` and `set` is answered with EINVAL. */
export interface Feature {
  /** Bytes of its data, behind struct vfio_device_feature; EINVAL for a call with fewer. */
  readonly size: number
  /** Fills in the data. Returns what the ioctl does, if that is not 0. */
  get?(data: Uint8Array, process: CallingProcess): number | undefined
  /** Takes the data, and may write an answer into it. */
  set?(data: Uint8Array, process: CallingProcess): number | undefined
}

/** Files and memory of a call's process, besides its argument. */
export interface CallingProcess {
  readonly fds: FdTable
  /** The memory that a pointer field of the struct points to, by the field's offset; EFAULT if none is there. */
  memory(field: number, size: number): Uint8Array
}
