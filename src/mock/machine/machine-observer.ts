import type { iommufdRequest } from '../../uapi/iommufd.ts'
import type { request } from '../../uapi/requests.ts'

/** The calls of a `Kernel`, by the names of its methods. */
export type CallName =
  | 'open'
  | 'ioctl'
  | 'read'
  | 'write'
  | 'pread'
  | 'pwrite'
  | 'mmap'
  | 'allocateMemory'
  | 'eventfd'
  | 'tryLock'
  | 'files.list'
  | 'files.read'
  | 'files.readlink'
  | 'files.write'
  | 'files.chown'
  | 'files.chmod'
  | 'files.create'
  | 'files.rename'
  | 'files.unlink'
  | 'files.makeDirectory'
  | 'files.removeDirectory'

/** An ioctl of VFIO or iommufd, by the header’s name. */
export type RequestName = keyof typeof request | keyof typeof iommufdRequest

/** One call, before anything is done. */
export interface Call {
  readonly name: CallName
  /** Of what takes one; of an open file, what it is: '/dev/vfio/vfio', 'anon_inode:[vfio-device]'. */
  readonly path?: string
  /** Of ioctl. */
  readonly request?: number
  /** Of files.write. */
  readonly text?: string
}

/** Observer of a machine while it works. */
export interface MachineObserver {
  /** Before each call. An `Errno` thrown here is what the call answers. */
  called(call: Call): void
  /** Each time that a device raises an interrupt, whether or not someone listens. */
  raised(interrupt: { readonly device: string; readonly index: number; readonly vector: number }): void
}

/** The observer that nobody is. */
export const nobody: MachineObserver = { called() {}, raised() {} }
