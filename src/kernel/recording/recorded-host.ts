import type { FileKind, FileOwner } from '../kernel.ts'

/** The answers of a host's kernel to all that was read of it, as JSON has them. */
export interface RecordedHost {
  /** The program that recorded it: 'vfioctl 0.1.0'; null if it did not say. */
  readonly program: string | null
  /** The user who read: what others may not see is not in it. */
  readonly uid: number
  /** Byte order of the structs in `devices`. */
  readonly byteOrder: 'little' | 'big'
  /** Bytes of a page; absent if nobody asked. */
  readonly pageSize?: number
  /**
   * Files by their absolute paths without links in them: a text is a file's, whole. In the order in which folders
   * list them. What is not in it, nobody looked at, or is not there.
   */
  readonly files: Readonly<Record<string, string | RecordedFile>>
  /** The devices that were opened through VFIO. */
  readonly devices: readonly RecordedDevice[]
  /** All that could not be seen, in words. */
  readonly unseen: readonly RecordedGap[]
}

/** One file that is no text alone. */
export interface RecordedFile {
  /** 'unknown' of what could not be looked at: `error` is why. */
  readonly kind: FileKind | 'unknown'
  readonly text?: string
  /** Content that is no text, in base64. */
  readonly bytes?: string
  /** Of a link, as it stands there. */
  readonly target?: string
  /** A folder of which all names are in the recording. */
  readonly listed?: true
  /** The kernel's answer to reading or listing it, if it refused. */
  readonly error?: RecordedError
  readonly owner?: FileOwner
  /** The time of its last change, in milliseconds since 1970. */
  readonly modified?: number
  /** Of a block device that somebody has for himself. */
  readonly claimed?: true
}

/** A failed system call: 'EACCES', 13, 'open'. */
export type RecordedError = readonly [code: string, errno: number, syscall: string]

/** Something that could not be seen, and why. */
export interface RecordedGap {
  readonly path: string
  readonly message: string
}

/** A device as VFIO answered of it, from its opening to its end. */
export interface RecordedDevice {
  /** As commands take it. */
  readonly name: string
  readonly files: readonly RecordedDeviceFile[]
}

/** A container, group, iommufd or device that was opened for it. */
export interface RecordedDeviceFile {
  /** Its path, or 'vfio-device NAME' of one that a group gave. */
  readonly file: string
  /** The kernel's answer to opening it, if it refused. */
  readonly error?: RecordedError
  readonly calls: readonly RecordedCall[]
  /** Bytes that were read of it, in hex by their offset. */
  readonly bytes: readonly { readonly at: number; readonly hex: string }[]
}

/** One ioctl and its answer. Descriptors and addresses in structs are zeros. */
export interface RecordedCall {
  readonly request: number
  /** The struct in hex, or a number; absent for none. */
  readonly given?: string | number
  /** The name that it was given instead: of VFIO_GROUP_GET_DEVICE_FD. */
  readonly name?: string
  readonly result: number
  readonly error?: RecordedError
  /** The struct afterwards, in hex; absent if it is as before. */
  readonly answer?: string
  /** Likewise what pointers in it point at. */
  readonly pointed?: readonly string[]
}
