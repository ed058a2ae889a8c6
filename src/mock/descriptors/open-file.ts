import type { IoctlPointer, Mapping, MmapOptions } from '../../kernel/kernel.ts'

/** What a descriptor of the mock stands for. A call that a file does not have is answered as Linux answers it. */
export interface OpenFile {
  /** Where /proc/PID/fd/N points. */
  readonly link: string
  /** What /proc/PID/fdinfo/N says beyond what it says of every file, by name. */
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

/** What an ioctl is given: the bytes that a pointer leads to, a number, or nothing. */
export type IoctlArgument = Uint8Array | number | undefined

/** True if a file can be read, as poll(2) tells. */
export interface Readiness {
  /** True if read(2) would not wait now. */
  isReadable(): boolean
  /** Called whenever it becomes readable; returns how to stop. */
  subscribe(listener: () => void): () => void
}
