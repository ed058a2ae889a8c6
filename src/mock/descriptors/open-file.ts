import type { IoctlPointer, Mapping, MmapOptions } from '../../kernel/kernel.ts'

/** What a descriptor of the mock stands for. A call that a file does not have is answered as Linux answers it. */
export interface OpenFile {
  /** Where /proc/PID/fd/N points. */
  readonly link: string
  /** What /proc/PID/fdinfo/N says beyond what it says of every file, by name. */
  readonly details?: Readonly<Record<string, string>>
  /** Names the file for flock(2). */
  readonly lockPath?: string
  ioctl?(request: number, argument: IoctlArgument, pointers: readonly IoctlPointer[]): number
  read?(into: Uint8Array): number
  write?(from: Uint8Array): number
  pread?(into: Uint8Array, offset: number): number
  pwrite?(from: Uint8Array, offset: number): number
  mmap?(options: MmapOptions): Mapping
  /** Only of files that can be polled. */
  readonly readiness?: Readiness
  close(): void
}

/** What an ioctl is given: the bytes that a pointer leads to, a number, or nothing. */
export type IoctlArgument = Uint8Array | number | undefined

/** Whether a file can be read, as poll(2) tells. */
export interface Readiness {
  isReadable(): boolean
  /** Called whenever it becomes readable; returns how to stop. */
  subscribe(listener: () => void): () => void
}
