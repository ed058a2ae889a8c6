import { closeSync, constants, fstatSync, openSync, watch as watchFile } from 'node:fs'
import { join } from 'node:path'
import { systemError } from '../base/system-error.ts'
import { hex } from '../base/units.ts'
import { minBytesOf } from '../uapi/requests.ts'
import { loadAddon } from './addon.ts'
import { realRoot, type Tree, treeBelow } from './below-root.ts'
import { descriptorMade } from './descriptor-made.ts'
import { startForeground } from './foreground-program.ts'
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
} from './kernel.ts'
import type { KernelLog } from './kernel-log.ts'
import { asCallers } from './linux-errors.ts'
import { hostFiles } from './linux-files.ts'
import { followLog } from './linux-log.ts'
import { runProgram } from './linux-program.ts'
import { linuxSockets } from './linux-sockets.ts'
import { watchUevents } from './linux-uevents.ts'
import type { Uevent } from './uevents.ts'
import { noSockets, type UnixSockets } from './unix-sockets.ts'

/** Longest wait of one call of the addon for eventfds, in milliseconds. */
const longestWait = 250

/** Options of the real kernel: the root of its files, and whether another root's programs run. */
export interface LinuxOptions {
  /** Root of the host's file tree, for files and for devices: '/' unless told. */
  readonly root?: string
  /** Run programs of another root nevertheless, as mdevctl's own tests have it. */
  readonly runsPrograms?: boolean
}

const openFlags = { r: constants.O_RDONLY, w: constants.O_WRONLY, rw: constants.O_RDWR }
/** PROT_READ and PROT_WRITE. */
const protections = { r: 1, w: 2, rw: 3 }

/** The real kernel of this machine. */
export function openLinux({ root = '/', runsPrograms = false }: LinuxOptions = {}): Kernel {
  const real = realRoot(root)
  return new LinuxKernel(real, real === '/' || runsPrograms)
}

/**
 * Files are opened and closed by node:fs, so that what only reads and writes host files needs no addon; the rest loads
 * it at the first call (ADDON_MISSING if it is not there). A class, as V8 finds the methods of an object literal with a
 * getter by hashing their names, at each call.
 */
class LinuxKernel implements Kernel {
  readonly name = 'linux'
  readonly recorded = false
  readonly pid = process.pid
  readonly files: HostFiles
  readonly runsPrograms: boolean
  readonly sockets: UnixSockets
  readonly #root: string
  readonly #tree: Tree
  /** Opened by node:fs, which keeps count of its own in a Worker: closed there too. */
  readonly #opened = new Set<number>()

  constructor(root: string, runsPrograms: boolean) {
    this.#root = root
    this.runsPrograms = runsPrograms
    this.#tree = treeBelow(root)
    this.files = hostFiles(root)
    this.sockets = root === '/' ? linuxSockets : noSockets
  }

  open(path: string, access: 'r' | 'w' | 'rw'): number {
    try {
      // libuv adds O_CLOEXEC.
      const fd = this.#tree.opened(path, (full) => openSync(full, openFlags[access] | constants.O_NOCTTY))
      this.#opened.add(fd)
      return fd
    } catch (error) {
      throw asCallers(error, path)
    }
  }

  close(fd: number): void {
    if (this.#opened.delete(fd)) closeSync(fd)
    else loadAddon().close(fd)
  }

  deviceNumber(fd: number): DeviceNumber | null {
    const status = fstatSync(fd, { bigint: true })
    return status.isCharacterDevice() ? deviceNumberOf(status.rdev) : null
  }

  ioctl(fd: number, request: number, argument?: Uint8Array | number, pointers?: readonly IoctlPointer[]): number {
    checkLength(request, argument)
    const made = descriptorMade(request, argument)
    if (pointers === undefined) return loadAddon().ioctl(fd, request, argument, made)
    const fields: (number | IoctlPointer['target'])[] = []
    for (const { offset, target, at = 0 } of pointers) fields.push(offset, target, at)
    return loadAddon().ioctl(fd, request, argument, made, ...fields)
  }

  ioctlAsync(fd: number, request: number, argument?: Uint8Array): Promise<number> {
    return new Promise((resolve, reject) => {
      checkLength(request, argument)
      loadAddon().ioctlAsync(fd, request, argument, (error, result) =>
        result === undefined ? reject(error) : resolve(result),
      )
    })
  }

  read(fd: number, into: Uint8Array): number {
    return loadAddon().read(fd, into)
  }

  write(fd: number, from: Uint8Array): number {
    return loadAddon().write(fd, from)
  }

  pread(fd: number, into: Uint8Array, offset: number): number {
    return loadAddon().pread(fd, into, offset)
  }

  pwrite(fd: number, from: Uint8Array, offset: number): number {
    return loadAddon().pwrite(fd, from, offset)
  }

  readWord(fd: number, offset: number, width: WordWidth): number {
    const addon = loadAddon()
    const { word } = addon
    aim(word, fd, offset, width)
    addon.readWord()
    const moved = word[5] ?? 0
    return moved === width ? (word[4] ?? 0) >>> 0 : ~moved
  }

  writeWord(fd: number, offset: number, width: WordWidth, value: number): number {
    const addon = loadAddon()
    const { word } = addon
    aim(word, fd, offset, width)
    word[4] = value
    addon.writeWord()
    return word[5] ?? 0
  }

  get pageSize(): number {
    return loadAddon().pageSize
  }

  get hugePageSize(): number {
    return loadAddon().hugePageSize
  }

  mmap(fd: number, { offset, length, access }: MmapOptions): Mapping {
    return new (loadAddon().Mapping)(length, protections[access], fd, offset)
  }

  allocateMemory({ size, kind }: MemoryOptions): Mapping {
    return new (loadAddon().Mapping)(size, protections.rw, kind)
  }

  pageFrames(memory: Mapping, offset: number, count: number): BigUint64Array {
    const entries = new BigUint64Array(count)
    const pagemap = openSync('/proc/self/pagemap', 'r')
    try {
      // What is not told stays 0: a page that is not in memory.
      loadAddon().pageFrames(pagemap, memory, offset, entries)
    } finally {
      closeSync(pagemap)
    }
    return entries
  }

  eventfd(initial = 0): number {
    return loadAddon().eventfd(initial)
  }

  waitForEventfd(eventfds: Int32Array, first: number, timeoutMs: number, counter: Float64Array): number {
    const addon = loadAddon()
    for (let left = timeoutMs; ; left -= longestWait) {
      const at = addon.waitForEventfd(eventfds, first, left, counter)
      if (at >= 0 || left <= longestWait) return at
      // What ends a Worker, or the process, takes effect between two waits.
    }
  }

  watch(fd: number, onReadable: () => void): Watch {
    return new (loadAddon().Watch)(fd, onReadable)
  }

  async watchUevents(listener: (event: Uevent) => void): Promise<Watch | null> {
    // What stands under another root is not what this machine's kernel speaks of.
    return this.#root === '/' ? watchUevents((fd, onReadable) => this.watch(fd, onReadable), listener) : null
  }

  watchDirectory(path: string, onChange: () => void): Watch {
    try {
      // What fails later is the directory's end.
      return this.#tree.at(path, (full) => watchFile(full, () => onChange()).on('error', () => onChange()))
    } catch (error) {
      throw asCallers(error, path)
    }
  }

  followLog(): KernelLog | null {
    return this.#root === '/' ? followLog() : null
  }

  tryLock(fd: number): boolean {
    return loadAddon().tryLock(fd)
  }

  async runProgram(path: string, run: ProgramRun): Promise<ProgramEnd> {
    if (!this.runsPrograms) throw systemError('EPERM', 'execve', path)
    return runProgram(join(this.#root, path), path, run)
  }

  get passesDescriptors(): boolean {
    return this.runsPrograms
  }

  async startProgram(path: string, start: ProgramBeginning): Promise<StartedProgram> {
    if (!this.passesDescriptors) throw systemError('EPERM', 'execve', path)
    return startForeground(join(this.#root, path), path, start)
  }

  dispose(): void {}
}

/** A dev_t as glibc keeps it (sys/sysmacros.h): the low bits of both lie between the high ones. */
function deviceNumberOf(device: bigint): DeviceNumber {
  const major = ((device >> 8n) & 0xfffn) | ((device >> 32n) & 0xffff_f000n)
  const minor = (device & 0xffn) | ((device >> 12n) & 0xffff_ff00n)
  return { major: Number(major), minor: Number(minor) }
}

/** RangeError if the kernel would read past the end of what it is given. */
function checkLength(request: number, argument: Uint8Array | number | undefined): void {
  const least = minBytesOf(request)
  if (typeof argument === 'object' && argument.length < least) {
    throw new RangeError(`ioctl request ${hex(request)} takes ${least} bytes or more, not ${argument.length}`)
  }
}

function aim(word: Int32Array, fd: number, offset: number, width: WordWidth): void {
  // an element takes the lowest 32 bits of the whole part
  word[0] = offset
  word[1] = offset / 2 ** 32
  word[2] = fd
  word[3] = width
}
