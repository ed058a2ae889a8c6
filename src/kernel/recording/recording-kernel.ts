import { isSystemError } from '../../base/system-error.ts'
import { makesDescriptor } from '../../uapi/requests.ts'
import type {
  DeviceNumber,
  IoctlPointer,
  Kernel,
  Mapping,
  ProgramEnd,
  StartedProgram,
  Watch,
  WordWidth,
} from '../kernel.ts'
import { noSockets, type UnixSockets } from '../unix-sockets.ts'
import { deviceFileName, recordedArgument, structText } from './recorded-call.ts'
import type { RecordedCall, RecordedDevice, RecordedError } from './recorded-host.ts'
import { type Entry, RecordingFiles, recordedError } from './recording-files.ts'

/** A file of a device while it is recorded. */
interface OpenedFile {
  readonly file: string
  error?: RecordedError
  readonly calls: RecordedCall[]
  readonly bytes: { readonly at: number; readonly hex: string }[]
}

/** Bytes of a file that is opened to be read: a configuration space has no more. */
const largestBytes = 4096

/**
 * A kernel, of which all that is read is remembered: its files, and between `begin` and `end` what VFIO answers of a
 * device. Nothing else is done through it.
 */
export class RecordingKernel implements Kernel {
  readonly name: Kernel['name']
  readonly recorded = false
  readonly files: RecordingFiles
  readonly pid: number
  readonly runsPrograms = false
  readonly passesDescriptors = false
  readonly sockets: UnixSockets = noSockets
  /** Bytes of a page, if anybody asked. */
  askedPageSize: number | null = null
  readonly #kernel: Kernel
  readonly #opened = new Map<number, OpenedFile>()
  #device: { readonly name: string; readonly files: OpenedFile[] } | null = null

  constructor(kernel: Kernel) {
    this.name = kernel.name
    this.pid = kernel.pid
    this.#kernel = kernel
    this.files = new RecordingFiles(kernel.files, kernel.pid)
  }

  /** Counts whatever is opened from now on as of this device. */
  begin(device: string): void {
    this.#device = { name: device, files: [] }
  }

  /** All that VFIO has answered of the device. */
  end(): RecordedDevice {
    const device = this.#device ?? { name: '', files: [] }
    this.#device = null
    return device
  }

  get pageSize(): number {
    this.askedPageSize = this.#kernel.pageSize
    return this.askedPageSize
  }
  get hugePageSize(): number {
    return this.#kernel.hugePageSize
  }

  open(path: string, access: 'r' | 'w' | 'rw'): number {
    if (!path.startsWith('/dev/')) return this.#openFile(path)
    // that it is there is recorded too
    this.files.at(path, true)
    const file: OpenedFile = { file: path, calls: [], bytes: [] }
    this.#device?.files.push(file)
    try {
      const fd = this.#kernel.open(path, access)
      this.#opened.set(fd, file)
      return fd
    } catch (error) {
      if (isSystemError(error)) file.error = recordedError(error)
      throw error
    }
  }

  close(fd: number): void {
    this.#opened.delete(fd)
    this.#kernel.close(fd)
  }

  deviceNumber(fd: number): DeviceNumber | null {
    return this.#kernel.deviceNumber(fd)
  }

  ioctl(fd: number, request: number, argument?: Uint8Array | number, pointers: readonly IoctlPointer[] = []): number {
    const file = this.#opened.get(fd)
    const asked = { request, ...recordedArgument(request, argument, pointers) }
    const answers = () => ({
      ...(typeof argument === 'object' &&
      asked.name === undefined &&
      structText(request, argument, pointers) !== asked.given
        ? { answer: structText(request, argument, pointers) }
        : {}),
      ...(pointers.length === 0 ? {} : { pointed: pointers.map(pointedText) }),
    })
    try {
      const result = this.#kernel.ioctl(fd, request, argument, pointers)
      const isOpened = typeof argument === 'object' && makesDescriptor(request)
      file?.calls.push({ ...asked, result: isOpened ? 0 : result, ...answers() })
      if (isOpened && asked.name !== undefined) {
        const made: OpenedFile = { file: deviceFileName(asked.name), calls: [], bytes: [] }
        this.#device?.files.push(made)
        this.#opened.set(result, made)
      }
      return result
    } catch (error) {
      if (isSystemError(error)) file?.calls.push({ ...asked, result: -1, error: recordedError(error), ...answers() })
      throw error
    }
  }

  ioctlAsync(fd: number, request: number, argument?: Uint8Array): Promise<number> {
    return this.#kernel.ioctlAsync(fd, request, argument)
  }
  read(fd: number, into: Uint8Array): number {
    return this.#kernel.read(fd, into)
  }
  write(): never {
    throw nothingElse()
  }

  pread(fd: number, into: Uint8Array, offset: number): number {
    const count = this.#kernel.pread(fd, into, offset)
    if (count > 0) this.#remember(fd, offset, into.subarray(0, count))
    return count
  }

  pwrite(): never {
    throw nothingElse()
  }

  readWord(fd: number, offset: number, width: WordWidth): number {
    const value = this.#kernel.readWord(fd, offset, width)
    if (value < 0) return value
    const bytes = Buffer.alloc(width)
    bytes.writeUIntLE(value, 0, width)
    this.#remember(fd, offset, bytes)
    return value
  }

  writeWord(): never {
    throw nothingElse()
  }
  mmap(): Mapping {
    throw nothingElse()
  }
  allocateMemory(): Mapping {
    throw nothingElse()
  }
  pageFrames(): never {
    throw nothingElse()
  }
  eventfd(): never {
    throw nothingElse()
  }
  waitForEventfd(): never {
    throw nothingElse()
  }
  watch(): never {
    throw nothingElse()
  }
  async watchUevents(): Promise<Watch | null> {
    return null
  }
  watchDirectory(): never {
    throw nothingElse()
  }
  followLog(): null {
    return null
  }
  tryLock(): never {
    throw nothingElse()
  }
  async runProgram(): Promise<ProgramEnd> {
    throw nothingElse()
  }
  async startProgram(): Promise<StartedProgram> {
    throw nothingElse()
  }
  dispose(): void {}

  /** Its bytes are remembered as a whole: who reads less of them now may read more later. */
  #openFile(path: string): number {
    const entry = this.files.at(path, true)?.node
    const fd = this.#answering(entry, () => this.#kernel.open(path, 'r'))
    try {
      if (entry?.kind === 'file') entry.bytes ??= this.#answering(entry, () => this.#bytesOf(fd))
    } catch (error) {
      if (!isSystemError(error)) throw error
    }
    return fd
  }

  #bytesOf(fd: number): Uint8Array {
    const bytes = new Uint8Array(largestBytes)
    let length = 0
    while (length < bytes.length) {
      const count = this.#kernel.pread(fd, bytes.subarray(length), length)
      if (count === 0) break
      length += count
    }
    return bytes.subarray(0, length)
  }

  #answering<T>(entry: Entry | undefined, call: () => T): T {
    try {
      return call()
    } catch (error) {
      if (entry !== undefined && isSystemError(error)) entry.error ??= recordedError(error)
      throw error
    }
  }

  #remember(fd: number, at: number, bytes: Uint8Array): void {
    this.#opened.get(fd)?.bytes.push({ at, hex: Buffer.from(bytes).toString('hex') })
  }
}

function pointedText({ target, at = 0 }: IoctlPointer): string {
  const bytes = target instanceof Uint8Array ? target : target.view()
  return Buffer.from(bytes.subarray(at)).toString('hex')
}

function nothingElse(): TypeError {
  return new TypeError('a host that is recorded is only read')
}
