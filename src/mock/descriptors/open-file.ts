import type { IoctlPointer, Mapping, MmapOptions } from '../../kernel/kernel.ts'

/** Open file behind a descriptor of the mock. A call that it does not have is answered as Linux answers it. */
export interface OpenFile {
  /** Target of /proc/PID/fd/N. */
  readonly link: string
  /** Fields of /proc/PID/fdinfo/N beyond those of every file, by name. */
  readonly details?: Readonly<Record<string, string>>
  /** Names the file for flock(2). */
  readonly lockPath?: string
  /** ioctl(2): the answer, or an `Errno`. */
  ioctl?(request: number, argument: IoctlArgument, pointers: readonly IoctlPointer[]): number
  /** read(2): the bytes read. */
  read?(into: Uint8Array): number
  /** write(2): the bytes written. */
  write?(from: Uint8Array): number
  /** pread(2): the bytes read. */
  pread?(into: Uint8Array, offset: number): number
  /** pwrite(2): the bytes written. */
  pwrite?(from: Uint8Array, offset: number): number
  /** mmap(2) of the file. */
  mmap?(options: MmapOptions): Mapping
  /** Only of files that can be polled. */
  readonly readiness?: Readiness
  /** The last descriptor of the file is closed. */
  close(): void
}

/** Argument of an ioctl: the bytes that a pointer leads to, a number, or nothing. */
export type IoctlArgument = Uint8Array | number | undefined

/** True if a file can be read, as poll(2) tells. */
export interface Readiness {
  /** True if read(2) would not wait now. */
  isReadable(): boolean
  /** Called whenever it becomes readable; returns how to stop. */
  subscribe(listener: () => void): () => void
}
