import { systemError } from '../../../src/base/system-error.ts'
import type { HostFiles, Kernel, Mapping, MmapOptions, Watch, WordWidth } from '../../../src/kernel/kernel.ts'
import { noSockets } from '../../../src/kernel/unix-sockets.ts'
import { readWordBy, writeWordBy } from '../../../src/mock/descriptors/words.ts'
import { vfioGroupStatus } from '../../../src/uapi/container.ts'
import { vfioDeviceInfo } from '../../../src/uapi/device.ts'
import { iommufdRequest } from '../../../src/uapi/iommufd.ts'
import { vfioIrqInfo } from '../../../src/uapi/irq.ts'
import { vfioRegionInfo } from '../../../src/uapi/region.ts'
import { request } from '../../../src/uapi/requests.ts'
import { decode, encodeInto, type Values } from '../../../src/uapi/struct.ts'

type Answer = (bytes: Uint8Array) => void

/** The numbers mean one thing on each kind of descriptor; those used here are not shared. */
const names = new Map<number, string>(
  Object.entries({ ...request, ...iommufdRequest }).map(([name, number]) => [number, name]),
)

/**
 * Answers the calls of opening and asking one device as a test says, writes them down in order, and fails those it is
 * told to fail. For what the mock, which behaves, cannot show.
 */
export class FakeKernel implements Kernel {
  readonly name = 'mock'
  readonly recorded = false
  readonly pid = 1
  readonly runsPrograms = true
  readonly passesDescriptors = false
  readonly pageSize = 4096
  readonly hugePageSize = 2 ** 21
  readonly calls: string[] = []
  readonly descriptors = new Map<number, string>()
  /** Errno by call, as written in `calls`. */
  readonly failing = new Map<string, string>()
  readonly links = new Map<string, string>()
  readonly directories = new Map<string, string[]>()
  readonly regions = new Map<number, Answer>()
  readonly irqs = new Map<number, Answer>()
  dependents: Answer = () => {}
  /** That of the last call off the event loop. */
  struct: Uint8Array | null = null
  apiVersion = 0
  extensions = [1, 3]
  groupFlags = 1
  deviceInfo: Answer = answerDevice({ flags: 2, num_regions: 9, num_irqs: 5 })
  transfer: (bytes: Uint8Array, offset: number) => number = (bytes) => bytes.fill(0x5a).length
  map: (offset: number, length: number) => Mapping = () => {
    throw systemError('ENOSYS', 'mmap')
  }
  #next = 10

  files: HostFiles = {
    uid: 0,
    list: (path) => this.directories.get(path) ?? this.#noFile('scandir', path),
    readlink: (path) => this.links.get(path) ?? this.#noFile('readlink', path),
    read: (path) => this.#noFile('open', path),
    kind: () => null,
    owner: (path) => this.#noFile('stat', path),
    modified: (path) => this.#noFile('stat', path),
    chown: (path) => this.#noFile('chown', path),
    chmod: (path) => this.#noFile('chmod', path),
    write: async (path) => this.#noFile('open', path),
    create: (path) => this.#noFile('open', path),
    rename: (path) => this.#noFile('rename', path),
    unlink: (path) => this.#noFile('unlink', path),
    makeDirectory: (path) => this.#noFile('mkdir', path),
    removeDirectory: (path) => this.#noFile('rmdir', path),
    syncDirectory: (path) => this.#noFile('open', path),
    isClaimed: () => false,
  }

  readonly sockets = noSockets

  async startProgram(): Promise<never> {
    throw systemError('EPERM', 'execve')
  }

  deviceNumber(): null {
    return null
  }

  open(path: string): number {
    this.#call(`open ${path}`, 'open', path)
    return this.#opened(path)
  }

  close(fd: number): void {
    const path = this.descriptors.get(fd)
    if (path === undefined) throw systemError('EBADF', 'close')
    this.descriptors.delete(fd)
    this.#call(`close ${path}`, 'close')
  }

  ioctl(fd: number, number: number, argument?: Uint8Array | number): number {
    if (!this.descriptors.has(fd)) throw systemError('EBADF', 'ioctl')
    const name = names.get(number) ?? String(number)
    this.#call(typeof argument === 'number' ? `${name} ${argument}` : name, 'ioctl')
    if (typeof argument === 'number') return Number(name === 'VFIO_SET_IOMMU' || this.extensions.includes(argument))
    if (name === 'VFIO_GET_API_VERSION') return this.apiVersion
    const bytes = argument ?? new Uint8Array()
    switch (name) {
      case 'VFIO_GROUP_GET_STATUS':
        encodeInto(vfioGroupStatus, bytes, { flags: this.groupFlags })
        return 0
      case 'VFIO_GROUP_GET_DEVICE_FD':
        return this.#opened(`device ${Buffer.from(bytes).toString()}`)
      case 'VFIO_DEVICE_GET_INFO':
        this.deviceInfo(bytes)
        return 0
      case 'VFIO_DEVICE_GET_REGION_INFO':
        this.#answer(this.regions.get(decode(vfioRegionInfo, bytes).index), bytes)
        return 0
      case 'VFIO_DEVICE_GET_IRQ_INFO':
        this.#answer(this.irqs.get(decode(vfioIrqInfo, bytes).index), bytes)
        return 0
      case 'VFIO_DEVICE_GET_PCI_HOT_RESET_INFO':
        this.dependents(bytes)
        return 0
      default:
        return 0
    }
  }

  async ioctlAsync(fd: number, number: number, argument?: Uint8Array): Promise<number> {
    this.struct = argument ?? null
    return this.ioctl(fd, number, argument)
  }

  pread(_fd: number, into: Uint8Array, offset: number): number {
    this.#call(`pread ${into.length}@0x${offset.toString(16)}`, 'pread')
    return this.transfer(into, offset)
  }

  pwrite(_fd: number, from: Uint8Array, offset: number): number {
    this.#call(`pwrite ${Buffer.from(from).toString('hex')}@0x${offset.toString(16)}`, 'pwrite')
    return this.transfer(from, offset)
  }

  readWord(fd: number, offset: number, width: WordWidth): number {
    return readWordBy(this, fd, offset, width)
  }

  writeWord(fd: number, offset: number, width: WordWidth, value: number): number {
    return writeWordBy(this, fd, offset, width, value)
  }

  read(_fd: number, _into: Uint8Array): number {
    throw systemError('ENOSYS', 'read')
  }
  write(): number {
    throw systemError('ENOSYS', 'write')
  }
  mmap(_fd: number, { offset, length, access }: MmapOptions): Mapping {
    this.#call(`mmap ${access} 0x${length.toString(16)}@0x${offset.toString(16)}`, 'mmap')
    return this.map(offset, length)
  }
  allocateMemory(): Mapping {
    throw systemError('ENOSYS', 'mmap')
  }
  pageFrames(): BigUint64Array {
    throw systemError('ENOSYS', 'mlock')
  }
  eventfd(): number {
    throw systemError('ENOSYS', 'eventfd')
  }
  runProgram(): Promise<never> {
    throw systemError('ENOSYS', 'execve')
  }
  waitForEventfd(_eventfds: Int32Array, _first: number, _timeoutMs: number, _counter: Float64Array): number {
    throw systemError('ENOSYS', 'poll')
  }
  watch(_fd: number, _onReadable: () => void): Watch {
    throw systemError('ENOSYS', 'epoll_ctl')
  }
  async watchUevents(): Promise<null> {
    return null
  }
  watchDirectory(path: string): Watch {
    throw systemError('ENOSYS', 'watch', path)
  }
  followLog(): null {
    return null
  }
  tryLock(): boolean {
    throw systemError('ENOSYS', 'flock')
  }
  dispose(): void {}

  #answer(answer: Answer | undefined, bytes: Uint8Array): void {
    if (answer === undefined) throw systemError('EINVAL', 'ioctl')
    answer(bytes)
  }

  #opened(what: string): number {
    this.descriptors.set(this.#next, what.replace('\0', ''))
    return this.#next++
  }

  #call(call: string, syscall: string, path?: string): void {
    this.calls.push(call)
    const code = this.failing.get(call)
    if (code !== undefined) throw systemError(code, syscall, path)
  }

  #noFile(syscall: string, path: string): never {
    throw systemError('ENOENT', syscall, path)
  }
}

export function answerDevice(values: Partial<Values<typeof vfioDeviceInfo>>): Answer {
  return (bytes) => encodeInto(vfioDeviceInfo, bytes, values)
}

export function answerRegion(values: Partial<Values<typeof vfioRegionInfo>>): Answer {
  return (bytes) => encodeInto(vfioRegionInfo, bytes, values)
}

export function answerIrq(values: Partial<Values<typeof vfioIrqInfo>>): Answer {
  return (bytes) => encodeInto(vfioIrqInfo, bytes, values)
}
