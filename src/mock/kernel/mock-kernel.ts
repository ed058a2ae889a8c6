import { kernelOrder } from '../../base/byte-order.ts'
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
} from '../../kernel/kernel.ts'
import type { Uevent } from '../../kernel/uevents.ts'
import type { UnixSockets } from '../../kernel/unix-sockets.ts'
import { Errno, systemCall } from '../base/errno.ts'
import { Eventfd } from '../descriptors/eventfd.ts'
import type { OpenFile } from '../descriptors/open-file.ts'
import { watchReadiness } from '../descriptors/watch-readiness.ts'
import { readWordBy, writeWordBy } from '../descriptors/words.ts'
import { deviceNumberOf } from '../files/device-numbers.ts'
import { MockFiles } from '../files/mock-files.ts'
import { openNode } from '../files/tree.ts'
import { watchDirectory } from '../files/watch-directory.ts'
import type { Machine } from '../machine/machine.ts'
import type { CallName } from '../machine/machine-observer.ts'
import { allocateMemory, hugePageSizeOf } from '../memory/memory.ts'
import { modprobePath } from '../pci/variant-drivers.ts'
import { tryLock } from '../process/process-holdings.ts'
import { Waiting } from '../process/waiting.ts'
import { initramfsProgram, isInitramfsProgram } from '../programs/initramfs.ts'
import { modprobe } from '../programs/modprobe.ts'
import { nvidiaSmi } from '../programs/nvidia-smi.ts'
import { sriovManage } from '../programs/sriov-manage.ts'
import { RecordedKernel } from '../recorded/recorded-kernel.ts'
import type { Scenario } from '../scenario/scenario.ts'
import { nvidiaSmiPath, sriovManagePath } from '../shipped/host-parts.ts'
import type { ScenarioName } from '../shipped/names.ts'
import { shipped } from '../shipped/shipped.ts'
import { watchUevents } from '../uevents/watch-uevents.ts'
import { type MachineOptions, type MockKernelOptions, makeMachine } from './make-machine.ts'
import { mockSockets } from './mock-sockets.ts'

/**
 * A simulated Linux with VFIO, of the version that the scenario names: no hardware, no root, no addon, any platform.
 * Each is a machine of its own, unless they share a state directory. `dispose` closes what is open on it. A scenario
 * that was recorded of a host answers what that host did, and does not change.
 *
 * It tests the code that runs on it, not hardware: what a device does here says nothing of the real one.
 */
export function createMockKernel(scenario: ScenarioName | Scenario, options: MockKernelOptions = {}): Kernel {
  const whole = typeof scenario === 'string' ? shipped[scenario] : scenario
  return whole.recorded === undefined ? new MockKernel(whole, options) : new RecordedKernel(whole.recorded)
}

/** The simulated kernel: the interface `Kernel` over a machine and a process. */
export class MockKernel implements Kernel {
  readonly name: Kernel['name'] = 'mock'
  readonly recorded: boolean = false
  readonly machine: Machine
  readonly pid: number = process.pid
  readonly runsPrograms: boolean = true
  readonly passesDescriptors: boolean = false
  readonly pageSize: number
  readonly hugePageSize: number
  readonly files: HostFiles
  readonly sockets: UnixSockets
  readonly #files: MockFiles
  readonly #waiting = new Waiting()
  readonly #watches = new Set<Watch>()
  readonly #outlivesProcess: boolean
  readonly #onExit = () => this.dispose()

  constructor(scenario: Scenario, options: MachineOptions) {
    this.#outlivesProcess = options.stateDirectory !== undefined
    this.machine = makeMachine(scenario, options, (condition) => this.#waiting.until(condition))
    this.pageSize = this.machine.traits.pageSize
    this.hugePageSize = hugePageSizeOf(this.machine.traits.pageSize)
    this.#files = new MockFiles(this.machine)
    this.files = this.#files
    this.sockets = mockSockets(this.machine, this.#files)
  }

  open(path: string, access: 'r' | 'w' | 'rw'): number {
    return systemCall('open', path, () => {
      this.machine.observer.called({ name: 'open', path })
      const { node, path: canonical } = this.#files.find(path)
      if (node.kind === 'device') {
        this.#closeAtExit()
        return node.open()
      }
      if (node.kind === 'symlink') throw new Errno('ELOOP')
      if (node.kind === 'directory' && access !== 'r') throw new Errno('EISDIR')
      if (node.kind === 'file' && access !== 'r' && node.write === undefined) throw new Errno('EACCES')
      if (node.kind === 'file' && access !== 'w' && node.read === undefined) throw new Errno('EACCES')
      return this.machine.fds.add(openNode(node, canonical))
    })
  }

  close(fd: number): void {
    const { fds, holdings } = this.machine
    const file = this.#file(fd, 'close')
    fds.take(fd)
    const wasLocked = holdings.locks.delete(fd)
    fds.release(file)
    if (wasLocked) holdings.publish()
    this.#waiting.look()
  }

  deviceNumber(fd: number): DeviceNumber | null {
    return deviceNumberOf(this.#file(fd, 'fstat').link)
  }

  ioctl(fd: number, request: number, argument?: Uint8Array | number, pointers: readonly IoctlPointer[] = []): number {
    const file = this.#called(fd, 'ioctl', request)
    return systemCall('ioctl', undefined, () =>
      (file.ioctl ?? refuse('ENOTTY')).call(file, request, argument, pointers),
    )
  }

  async ioctlAsync(fd: number, request: number, argument?: Uint8Array): Promise<number> {
    return this.ioctl(fd, request, argument?.slice())
  }

  read(fd: number, into: Uint8Array): number {
    const file = this.#called(fd, 'read')
    return systemCall('read', undefined, () => (file.read ?? refuse('EINVAL')).call(file, into))
  }

  write(fd: number, from: Uint8Array): number {
    const file = this.#called(fd, 'write')
    return systemCall('write', undefined, () => (file.write ?? refuse('EINVAL')).call(file, from))
  }

  pread(fd: number, into: Uint8Array, offset: number): number {
    const file = this.#called(fd, 'pread')
    return systemCall('pread', undefined, () =>
      (file.pread ?? refuse(withoutPositions(file))).call(file, into, checked(offset)),
    )
  }

  pwrite(fd: number, from: Uint8Array, offset: number): number {
    const file = this.#called(fd, 'pwrite')
    return systemCall('pwrite', undefined, () =>
      (file.pwrite ?? refuse(withoutPositions(file))).call(file, from, checked(offset)),
    )
  }

  readWord(fd: number, offset: number, width: WordWidth): number {
    return readWordBy(this, fd, offset, width)
  }

  writeWord(fd: number, offset: number, width: WordWidth, value: number): number {
    return writeWordBy(this, fd, offset, width, value)
  }

  mmap(fd: number, options: MmapOptions): Mapping {
    const file = this.#called(fd, 'mmap')
    return systemCall('mmap', undefined, () => {
      if (options.offset % this.pageSize !== 0) throw new Errno('EINVAL')
      return (file.mmap ?? refuse('ENODEV')).call(file, options)
    })
  }

  allocateMemory(options: MemoryOptions): Mapping {
    return systemCall('mmap', undefined, () => {
      this.machine.observer.called({ name: 'allocateMemory' })
      return allocateMemory(this.machine.fds, options, this.machine.traits.pageSize)
    })
  }

  /** A process that may not lock as much as it likes may not know them either: for it, all are 0. */
  pageFrames(memory: Mapping, offset: number, count: number): BigUint64Array {
    const { pageSize } = this
    if (offset % pageSize !== 0 || count < 1 || offset + count * pageSize > memory.length) {
      throw new RangeError(`${count} pages at ${offset} are not in the mapping`)
    }
    const { physical, locked } = this.machine
    const present = 1n << 63n
    if (locked.limit !== null) return new BigUint64Array(count).fill(present)
    const { buffer } = memory.view()
    const frame = (page: number) => physical.addressOf(buffer, offset + page * pageSize) / BigInt(pageSize)
    return BigUint64Array.from({ length: count }, (_, page) => present | frame(page))
  }

  eventfd(initial = 0): number {
    if (!Number.isInteger(initial) || initial < 0 || initial > 0xffff_ffff) {
      throw new RangeError(`an eventfd cannot start at ${initial}`)
    }
    return systemCall('eventfd', undefined, () => {
      this.machine.observer.called({ name: 'eventfd' })
      return this.machine.fds.add(new Eventfd(initial))
    })
  }

  /** Takes a signal that is there: no time passes here while the one thread waits, unless the clock is held. */
  waitForEventfd(eventfds: Int32Array, first: number, timeoutMs: number, counter: Float64Array): number {
    if (!Number.isInteger(timeoutMs) || timeoutMs < 0) throw new RangeError(`${timeoutMs} is not a time to wait`)
    const { clock, fds } = this.machine
    const isReady = (fd: number) => fds.find(fd)?.readiness?.isReadable() ?? true
    if (clock.isHeld) clock.advance(timeoutMs, () => eventfds.some(isReady))
    const value = new DataView(new ArrayBuffer(8))
    for (let i = 0; i < eventfds.length; i++) {
      const at = (first + i) % eventfds.length
      const fd = eventfds[at] ?? -1
      if (!isReady(fd)) continue
      this.read(fd, new Uint8Array(value.buffer))
      counter[0] = Number(value.getBigUint64(0, kernelOrder))
      return at
    }
    return -1
  }

  watch(fd: number, onReadable: () => void): Watch {
    const { readiness } = this.#file(fd, 'epoll_ctl')
    if (readiness === undefined) return systemCall('epoll_ctl', undefined, refuse('EPERM'))
    return this.#kept(watchReadiness(readiness, onReadable))
  }

  async watchUevents(listener: (event: Uevent) => void): Promise<Watch> {
    return this.#kept(watchUevents(this.machine.store, listener))
  }

  watchDirectory(path: string, onChange: () => void): Watch {
    const { node, path: canonical } = systemCall('watch', path, () => this.#files.find(path))
    if (node.kind !== 'directory') return systemCall('watch', path, refuse('ENOTDIR'))
    return this.#kept(watchDirectory(this.machine.store, canonical, onChange))
  }

  #kept(watch: Watch): Watch {
    this.#watches.add(watch)
    const close = () => {
      watch.close()
      this.#watches.delete(watch)
    }
    return { ref: watch.ref, unref: watch.unref, close }
  }

  /** Messages of real drivers that refuse are not known well enough to be given here. */
  followLog(): null {
    return null
  }

  tryLock(fd: number): boolean {
    this.#called(fd, 'tryLock')
    return systemCall('flock', undefined, () => tryLock(this.machine, fd))
  }

  /**
   * No program of a real host runs here, except those that drivers or the initramfs come with and that are simulated
   * too.
   */
  async runProgram(path: string, run: ProgramRun): Promise<ProgramEnd> {
    const program = systemCall('execve', path, () => {
      const { node, path: canonical } = this.#files.find(path)
      if (node.kind !== 'file') throw new Errno('EACCES')
      if (![sriovManagePath, nvidiaSmiPath, modprobePath].includes(canonical) && !isInitramfsProgram(canonical)) {
        throw new Errno('ENOEXEC')
      }
      return canonical
    })
    if (isInitramfsProgram(program)) return initramfsProgram(this.files, program, run)
    if (program === nvidiaSmiPath) return nvidiaSmi(this.machine, run)
    return program === modprobePath ? modprobe(this.machine, run) : sriovManage(this.machine, this.files, run)
  }

  async startProgram(path: string, _start: ProgramBeginning): Promise<StartedProgram> {
    return systemCall('execve', path, refuse('EPERM'))
  }

  dispose(): void {
    process.off('exit', this.#onExit)
    for (const watch of this.#watches) watch.close()
    this.#watches.clear()
    for (const [fd] of this.machine.fds.entries()) this.close(fd)
    this.machine.holdings.dispose()
    this.#waiting.dispose()
    this.machine.clock.dispose()
  }

  /** A device's state is saved when it is closed, as the kernel does for a process that just ends. */
  #closeAtExit(): void {
    if (!this.#outlivesProcess || process.listeners('exit').includes(this.#onExit)) return
    process.on('exit', this.#onExit)
  }

  /** The file behind a descriptor that something is asked of. */
  #called(fd: number, name: CallName, request?: number): OpenFile {
    const file = this.#file(fd, name)
    systemCall(name, undefined, () => {
      this.machine.observer.called({ name, path: file.link, ...(request === undefined ? {} : { request }) })
    })
    return file
  }

  #file(fd: number, call: string): OpenFile {
    return systemCall(call, undefined, () => this.machine.fds.get(fd))
  }
}

function refuse(code: string): () => never {
  return () => {
    throw new Errno(code)
  }
}

/** Errno of pread and pwrite of a file without them: one that was opened by a path could have positions. */
function withoutPositions({ lockPath }: OpenFile): string {
  return lockPath === undefined ? 'ESPIPE' : 'EINVAL'
}

function checked(offset: number): number {
  if (!Number.isSafeInteger(offset)) throw new RangeError(`${offset} is not a file offset`)
  if (offset < 0) throw new Errno('EINVAL')
  return offset
}
