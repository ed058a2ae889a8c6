import { systemError } from '../../base/system-error.ts'
import type {
  IoctlPointer,
  Kernel,
  Mapping,
  MemoryOptions,
  ProgramEnd,
  StartedProgram,
  Watch,
  WordWidth,
} from '../../kernel/kernel.ts'
import type { RecordedHost } from '../../kernel/recording/recorded-host.ts'
import { noSockets, type UnixSockets } from '../../kernel/unix-sockets.ts'
import { pageSizes, smallestPage } from '../base/kernel-traits.ts'
import { readWordBy } from '../descriptors/words.ts'
import { hugePageSizeOf } from '../memory/memory.ts'
import { RecordedDevices, RecordedOpening } from './recorded-devices.ts'
import { RecordedFiles, unchangeable } from './recorded-files.ts'

/** A host as `vfioctl capture` recorded it: it answers what it was asked then, and nothing happens on it. */
export class RecordedKernel implements Kernel {
  readonly name = 'mock'
  readonly recorded = true
  readonly files: RecordedFiles
  readonly pid: number = process.pid
  readonly runsPrograms = false
  readonly passesDescriptors = false
  readonly sockets: UnixSockets = noSockets
  readonly pageSize: number
  readonly hugePageSize: number
  readonly #devices: RecordedDevices
  readonly #opened = new Map<number, RecordedOpening | Uint8Array>()

  constructor(host: RecordedHost) {
    this.files = new RecordedFiles(host)
    this.#devices = new RecordedDevices(host)
    const pageSize = pageSizes.find((size) => size === host.pageSize) ?? smallestPage
    this.pageSize = pageSize
    this.hugePageSize = hugePageSizeOf(pageSize)
  }

  open(path: string, access: 'r' | 'w' | 'rw'): number {
    if (this.files.kind(path) === 'device') return this.#add(this.#devices.open(path))
    const bytes = this.files.bytes(path)
    if (access !== 'r') throw unchangeable(`write to ${path}`)
    return this.#add(bytes)
  }

  close(fd: number): void {
    if (!this.#opened.delete(fd)) throw systemError('EBADF', 'close')
  }

  deviceNumber(fd: number): null {
    this.#file(fd, 'fstat')
    return null
  }

  ioctl(fd: number, request: number, argument?: Uint8Array | number, pointers: readonly IoctlPointer[] = []): number {
    const file = this.#file(fd, 'ioctl')
    if (!(file instanceof RecordedOpening)) throw systemError('ENOTTY', 'ioctl')
    const opened = (other: number) => {
      const its = this.#opened.get(other)
      return its instanceof RecordedOpening ? its : undefined
    }
    const answer = this.#devices.ioctl(file, request, argument, pointers, opened)
    return typeof answer === 'number' ? answer : this.#add(answer)
  }

  async ioctlAsync(fd: number): Promise<number> {
    this.#file(fd, 'ioctl')
    throw unchangeable('reset a device')
  }

  read(fd: number): number {
    this.#file(fd, 'read')
    throw systemError('EINVAL', 'read')
  }

  write(fd: number): number {
    this.#file(fd, 'write')
    throw unchangeable('write to a device')
  }

  pread(fd: number, into: Uint8Array, offset: number): number {
    const file = this.#file(fd, 'pread')
    if (file instanceof RecordedOpening) return this.#devices.pread(file, into, offset)
    const bytes = file.subarray(offset, offset + into.length)
    into.set(bytes)
    return bytes.length
  }

  pwrite(fd: number): number {
    this.#file(fd, 'pwrite')
    throw unchangeable('write to a device')
  }

  readWord(fd: number, offset: number, width: WordWidth): number {
    return readWordBy(this, fd, offset, width)
  }

  writeWord(fd: number): number {
    return this.pwrite(fd)
  }

  mmap(fd: number): Mapping {
    this.#file(fd, 'mmap')
    throw unchangeable('map a device')
  }

  allocateMemory({ size }: MemoryOptions): Mapping {
    throw unchangeable(`allocate ${size} bytes for a device`)
  }

  pageFrames(): BigUint64Array {
    throw unchangeable('tell the pages of memory')
  }

  eventfd(): number {
    throw unchangeable('wait for interrupts')
  }

  waitForEventfd(): number {
    throw unchangeable('wait for interrupts')
  }

  watch(fd: number): Watch {
    this.#file(fd, 'epoll_ctl')
    throw unchangeable('wait for a device')
  }

  /** Nothing happens on it. */
  async watchUevents(): Promise<Watch> {
    return { ref() {}, unref() {}, close() {} }
  }

  /** Likewise. */
  watchDirectory(path: string): Watch {
    this.files.list(path)
    return { ref() {}, unref() {}, close() {} }
  }

  followLog(): null {
    return null
  }

  tryLock(fd: number): boolean {
    this.#file(fd, 'flock')
    throw unchangeable('lock it')
  }

  async runProgram(path: string): Promise<ProgramEnd> {
    throw systemError('EPERM', 'execve', path)
  }

  async startProgram(path: string): Promise<StartedProgram> {
    throw systemError('EPERM', 'execve', path)
  }

  dispose(): void {
    this.#opened.clear()
  }

  #add(file: RecordedOpening | Uint8Array): number {
    let fd = 3
    while (this.#opened.has(fd)) fd++
    this.#opened.set(fd, file)
    return fd
  }

  #file(fd: number, syscall: string): RecordedOpening | Uint8Array {
    const file = this.#opened.get(fd)
    if (file === undefined) throw systemError('EBADF', syscall)
    return file
  }
}
