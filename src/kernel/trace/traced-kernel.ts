import { errnoMeaning } from '../../base/errno.ts'
import { isSystemError } from '../../base/system-error.ts'
import { hex } from '../../base/units.ts'
import { descriptorMade } from '../descriptor-made.ts'
import type {
  DeviceNumber,
  HostFiles,
  IoctlPointer,
  Kernel,
  Mapping,
  MemoryOptions,
  MmapOptions,
  ProgramBeginning,
  ProgramEnd,
  ProgramRun,
  StartedProgram,
  Watch,
  WordWidth,
} from '../kernel.ts'
import type { KernelLog } from '../kernel-log.ts'
import type { Uevent } from '../uevents.ts'
import type { UnixSockets } from '../unix-sockets.ts'
import { ChannelRegions } from './channel-regions.ts'
import { type Opened, tracedIoctl } from './ioctl-arguments.ts'
import { shownArgument, shownBytes, shownText } from './shown-argument.ts'
import { type Trace, wantedTrace } from './trace.ts'
import { TracedFiles } from './traced-files.ts'

/**
 * The kernel with its calls told, if VFIOCTL_TRACE or a subscriber of 'vfioctl:syscall' asks for it at this moment;
 * else the kernel itself. What only looks at host files is not told.
 */
export function traced(
  kernel: Kernel,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Kernel {
  const trace = wantedTrace(environment)
  return trace === null ? kernel : new TracedKernel(kernel, trace)
}

class TracedKernel implements Kernel {
  readonly name: Kernel['name']
  readonly recorded: boolean
  readonly files: HostFiles
  readonly pid: number
  readonly runsPrograms: boolean
  readonly passesDescriptors: boolean
  readonly #kernel: Kernel
  readonly #trace: Trace
  /** The file behind each descriptor, as far as it was opened here. */
  readonly #names = new Map<number, string>()
  readonly #channels = new ChannelRegions()

  constructor(kernel: Kernel, trace: Trace) {
    this.name = kernel.name
    this.recorded = kernel.recorded
    this.pid = kernel.pid
    this.runsPrograms = kernel.runsPrograms
    this.passesDescriptors = kernel.passesDescriptors
    this.#kernel = kernel
    this.#trace = trace
    this.files = new TracedFiles(kernel.files, (name, shown, call) => this.#tell(name, shown, call))
  }

  get pageSize(): number {
    return this.#kernel.pageSize
  }

  get hugePageSize(): number {
    return this.#kernel.hugePageSize
  }

  open(path: string, access: 'r' | 'w' | 'rw'): number {
    const fd = this.#tell('open', `${shownText(path)}, ${access}`, () => this.#kernel.open(path, access))
    this.#names.set(fd, path)
    return fd
  }

  close(fd: number): void {
    this.#tell('close', this.#shown(fd), () => this.#kernel.close(fd))
    this.#names.delete(fd)
    this.#channels.forget(fd)
  }

  deviceNumber(fd: number): DeviceNumber | null {
    // somebody else opened it: /proc has the name that it was opened by
    if (!this.#names.has(fd)) {
      const name = this.#linkOf(fd)
      if (name !== null) this.#names.set(fd, name)
    }
    return this.#tell('fstat', this.#shown(fd), () => this.#kernel.deviceNumber(fd))
  }

  ioctl(fd: number, request: number, argument?: Uint8Array | number, pointers?: readonly IoctlPointer[]): number {
    const ioctl = tracedIoctl(openedAs(this.#names.get(fd)), request)
    const before = shownArgument(ioctl, argument)
    const after = () => {
      const now = shownArgument(ioctl, argument)
      return now === before ? null : now
    }
    const called = [this.#shown(fd), ioctl?.name ?? hex(request), ...(before === null ? [] : [before])].join(', ')
    const result = this.#tell('ioctl', called, () => this.#kernel.ioctl(fd, request, argument, pointers), after)
    this.#channels.learn(fd, ioctl?.name, argument)
    if (descriptorMade(request, argument) === 0) {
      this.#names.set(result, ioctl?.name === 'VFIO_GROUP_GET_DEVICE_FD' ? `vfio-device ${text(argument)}` : 'dma-buf')
    }
    return result
  }

  ioctlAsync(fd: number, request: number, argument?: Uint8Array): Promise<number> {
    const ioctl = tracedIoctl(openedAs(this.#names.get(fd)), request)
    const before = shownArgument(ioctl, argument)
    const called = [this.#shown(fd), ioctl?.name ?? hex(request), ...(before === null ? [] : [before])].join(', ')
    return this.#tell('ioctl', called, () => this.#kernel.ioctlAsync(fd, request, argument))
  }

  read(fd: number, into: Uint8Array): number {
    const shown = `${this.#shown(fd)}, ${into.length}`
    return this.#tell(
      'read',
      shown,
      () => this.#kernel.read(fd, into),
      (moved) => shownBytes(into.subarray(0, moved)),
    )
  }

  write(fd: number, from: Uint8Array): number {
    return this.#tell('write', `${this.#shown(fd)}, ${shownBytes(from)}`, () => this.#kernel.write(fd, from))
  }

  pread(fd: number, into: Uint8Array, offset: number): number {
    const shown = `${this.#shown(fd)}, ${into.length}, ${hex(offset)}`
    const call = () => this.#kernel.pread(fd, into, offset)
    const read = (bytes: Uint8Array) => this.#channels.shown(fd, bytes, offset) ?? shownBytes(bytes)
    return this.#tell('pread', shown, call, (moved) => read(into.subarray(0, moved)))
  }

  pwrite(fd: number, from: Uint8Array, offset: number): number {
    const written = this.#channels.shown(fd, from, offset) ?? shownBytes(from)
    const shown = `${this.#shown(fd)}, ${written}, ${hex(offset)}`
    return this.#tell('pwrite', shown, () => this.#kernel.pwrite(fd, from, offset))
  }

  readWord(fd: number, offset: number, width: WordWidth): number {
    const shown = `${this.#shown(fd)}, ${width}, ${hex(offset)}`
    let value = 0
    const call = () => {
      value = this.#kernel.readWord(fd, offset, width)
      return value < 0 ? ~value : width
    }
    this.#tell('pread', shown, call, () => (value < 0 ? null : hex(value)))
    return value
  }

  writeWord(fd: number, offset: number, width: WordWidth, value: number): number {
    const shown = `${this.#shown(fd)}, ${hex(value >>> 0)}, ${width}, ${hex(offset)}`
    return this.#tell('pwrite', shown, () => this.#kernel.writeWord(fd, offset, width, value))
  }

  mmap(fd: number, options: MmapOptions): Mapping {
    const { offset, length, access } = options
    const shown = `${this.#shown(fd)}, ${length}, ${access}, ${hex(offset)}`
    return this.#tell('mmap', shown, () => this.#kernel.mmap(fd, options))
  }

  allocateMemory(options: MemoryOptions): Mapping {
    return this.#tell('mmap', `${options.kind}, ${options.size}`, () => this.#kernel.allocateMemory(options))
  }

  pageFrames(memory: Mapping, offset: number, count: number): BigUint64Array {
    return this.#tell('pagemap', `${hex(offset)}, ${count}`, () => this.#kernel.pageFrames(memory, offset, count))
  }

  eventfd(initial = 0): number {
    const fd = this.#tell('eventfd', String(initial), () => this.#kernel.eventfd(initial))
    this.#names.set(fd, 'eventfd')
    return fd
  }

  waitForEventfd(eventfds: Int32Array, first: number, timeoutMs: number, counter: Float64Array): number {
    const shown = `[${[...eventfds].map((fd) => this.#shown(fd)).join(', ')}], ${timeoutMs}`
    return this.#tell('poll', shown, () => this.#kernel.waitForEventfd(eventfds, first, timeoutMs, counter))
  }

  watch(fd: number, onReadable: () => void): Watch {
    return this.#tell('epoll_ctl', this.#shown(fd), () => this.#kernel.watch(fd, onReadable))
  }

  watchUevents(listener: (event: Uevent) => void): Promise<Watch | null> {
    return this.#kernel.watchUevents(listener)
  }

  watchDirectory(path: string, onChange: () => void): Watch {
    return this.#tell('inotify_add_watch', shownText(path), () => this.#kernel.watchDirectory(path, onChange))
  }

  followLog(): KernelLog | null {
    return this.#kernel.followLog()
  }

  tryLock(fd: number): boolean {
    return this.#tell('flock', this.#shown(fd), () => this.#kernel.tryLock(fd))
  }

  runProgram(path: string, run: ProgramRun): Promise<ProgramEnd> {
    const shown = [path, ...run.arguments].map(shownText).join(', ')
    return this.#tell('execve', shown, () => this.#kernel.runProgram(path, run))
  }

  startProgram(path: string, start: ProgramBeginning): Promise<StartedProgram> {
    const shown = [path, ...start.arguments].map(shownText).join(', ')
    return this.#tell('execve', shown, () => this.#kernel.startProgram(path, start))
  }

  get sockets(): UnixSockets {
    const { sockets } = this.#kernel
    return {
      listen: (path, uid) => this.#tell('bind', shownText(path), () => sockets.listen(path, uid)),
      accept: (fd) => this.#tell('accept4', this.#shown(fd), () => sockets.accept(fd)),
      connect: (path) => this.#tell('connect', shownText(path), () => sockets.connect(path)),
      send: (fd, message, descriptors) => {
        const shown = [this.#shown(fd), shownBytes(message), `[${descriptors.map((it) => this.#shown(it)).join(', ')}]`]
        this.#tell('sendmsg', shown.join(', '), () => sockets.send(fd, message, descriptors))
      },
      receive: (fd, into) => this.#tell('recvmsg', this.#shown(fd), () => sockets.receive(fd, into)),
    }
  }

  dispose(): void {
    this.#kernel.dispose()
  }

  #linkOf(fd: number): string | null {
    try {
      return this.#kernel.files.readlink(`/proc/self/fd/${fd}`)
    } catch {
      return null
    }
  }

  #shown(fd: number): string {
    const name = this.#names.get(fd)
    return name === undefined ? String(fd) : `${fd}<${name}>`
  }

  /** Makes the call, and tells of it once it has answered, also if it failed. */
  #tell<T>(name: string, shown: string, call: () => T, answer: (result: number) => string | null = () => null): T {
    const start = process.hrtime.bigint()
    const say = (result: unknown, error?: unknown) => {
      const nanoseconds = process.hrtime.bigint() - start
      const errno = isSystemError(error) ? error.code : null
      const number = typeof result === 'number' ? result : null
      const told = error === undefined && number !== null ? answer(number) : null
      const returned = error === undefined ? String(number ?? (result === true ? 0 : result === false ? -1 : 0)) : '-1'
      const why = error === undefined ? '' : errno === null ? ` ${String(error)}` : ` ${errno} (${errnoMeaning(errno)})`
      const line = `${name}(${shown}) = ${returned}${told === null ? '' : ` ${told}`}${why}`
      this.#trace.say({ name, arguments: shown, result: number, answer: told, errno, nanoseconds, line })
    }
    let result: T
    try {
      result = call()
    } catch (error) {
      say(undefined, error)
      throw error
    }
    if (!(result instanceof Promise)) {
      say(result)
      return result
    }
    // told beside: the caller's promise is the kernel's own
    result.then(
      (value) => say(value),
      (error) => say(undefined, error),
    )
    return result
  }
}

function openedAs(name: string | undefined): Opened {
  if (name === undefined) return 'other'
  if (name === '/dev/vfio/vfio') return 'container'
  if (name === '/dev/iommu') return 'iommufd'
  if (/^\/dev\/vfio\/(noiommu-)?\d+$/.test(name)) return 'group'
  return name.startsWith('vfio-device ') || name.startsWith('/dev/vfio/devices/') ? 'device' : 'other'
}

function text(argument: Uint8Array | number | undefined): string {
  return argument instanceof Uint8Array ? Buffer.from(argument).toString('latin1').replace(/\0.*$/s, '') : ''
}
