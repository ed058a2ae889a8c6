import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { VfioError } from '../base/errors.ts'
import {
  type Refusal,
  refusedAsAbsent,
  refusedAsOther,
  refusedBeforeLoading,
  refusedByLoader,
  refusedInExecutable,
} from './addon-file.ts'
import { embeddedFile, loadEmbedded } from './embedded.ts'
import type { IoctlPointer, Mapping, MemoryOptions, Watch } from './kernel.ts'

/**
 * The native addon's whole surface (native/addon.cc). A failed system call is a `SystemError` (code, negative errno,
 * syscall); a wrong argument is a TypeError or RangeError with Node's ERR_ code, thrown before any call. Descriptors
 * are integers from 0 to 2^31-1, sizes and offsets integers from 0 to 2^53-1.
 */
export interface Addon {
  /** close(2). */
  close(fd: number): void
  /**
   * ioctl(2), for the requests of linux/vfio.h and linux/iommufd.h and NS_GET_USERNS alone. The struct is copied in and
   * out around the call. `made` tells of the descriptor that the call makes: 0 if it is the result, else its offset in
   * the struct; it is closed with this thread, unless before. Then three for each pointer field of the struct: its
   * offset, what it points at, and where in it. A mapping, or a view of one, is lent to the kernel as it is and may be
   * pinned; any other `Uint8Array` is lent as a copy for the length of the call, with nothing mapped behind it.
   */
  ioctl(
    fd: number,
    request: number,
    argument?: Uint8Array | number,
    made?: number,
    ...pointers: readonly (number | IoctlPointer['target'])[]
  ): number
  /**
   * ioctl(2) in another thread, on a descriptor of its own and with a copy of the struct. Wrong arguments are thrown at
   * once.
   */
  ioctlAsync(
    fd: number,
    request: number,
    argument: Uint8Array | undefined,
    answer: (error: Error | null, result?: number) => void,
  ): void
  read(fd: number, into: Uint8Array): number
  write(fd: number, from: Uint8Array): number
  pread(fd: number, into: Uint8Array, offset: number): number
  pwrite(fd: number, from: Uint8Array, offset: number): number
  /**
   * The words that `readWord` and `writeWord` take and give, of 32 bits each: the lower and the upper half of an
   * offset, a descriptor, a width of at most 4 bytes, the value, and how many bytes were moved. In memory, as arguments
   * would take Node-API a tenth of a short system call. Nothing but the width is judged before it.
   */
  readonly word: Int32Array
  /** pread(2). The value is 0 if nothing was moved. */
  readWord(): void
  /** pwrite(2). */
  writeWord(): void
  /** flock(2) with LOCK_EX|LOCK_NB: false if it would block. */
  tryLock(fd: number): boolean
  /** sysconf(_SC_PAGESIZE), in bytes. */
  readonly pageSize: number
  /** Bytes of a huge page: 2 MiB if pages have 4 KiB, but for s390x, where it is 1 MiB; 32 MiB with 16 KiB. */
  readonly hugePageSize: number
  /**
   * mmap(2) MAP_SHARED, of a descriptor from `offset` on or of memory. `protection` is 1 for reading, 2 for writing, 3
   * for both; length and offset are multiples of the page size, and of `hugePageSize` for huge pages.
   */
  readonly Mapping: new (
    length: number,
    protection: number,
    of: number | MemoryOptions['kind'],
    offset?: number,
  ) => Mapping
  /**
   * mlock(2), then pread(2) of /proc/self/pagemap, which `fd` is, from the page at `offset` on. Returns the bytes read.
   */
  pageFrames(fd: number, memory: Mapping, offset: number, entries: BigUint64Array): number
  /**
   * socket(2) of AF_UNIX and SOCK_SEQPACKET, non-blocking, and bind(2): the file is this process's user's, of mode 0600
   * less the umask.
   */
  bindUnix(path: string): number
  /** listen(2). */
  listen(fd: number): void
  /** accept4(2), non-blocking, with whom connected, by SO_PEERCRED. */
  accept(fd: number): { readonly fd: number; readonly pid: number; readonly uid: number }
  /** A socket as `bindUnix` makes it, and connect(2). */
  connectUnix(path: string): number
  /** sendmsg(2) of one message with SCM_RIGHTS, at most 253 descriptors, without waiting. */
  sendDescriptors(fd: number, bytes: Uint8Array, descriptors: Int32Array): void
  /** recvmsg(2) of one message, whole or EMSGSIZE, without waiting. The length is 0 at the end. */
  receiveDescriptors(fd: number, into: Uint8Array): { readonly length: number; readonly descriptors: Int32Array }
  /** pipe2(2) with O_CLOEXEC: the ends to read from and to write to, which the caller closes. */
  pipe(ends: Int32Array): void
  /** eventfd(2) with EFD_NONBLOCK|EFD_CLOEXEC. */
  eventfd(initial: number): number
  /** poll(2) and read(2). `eventfds` are non-blocking; one that is not open is EBADF. */
  waitForEventfd(eventfds: Int32Array, first: number, timeoutMs: number, counter: Float64Array): number
  /** uv_poll on this thread's event loop. Makes the descriptor non-blocking; one watch per descriptor (EEXIST). */
  readonly Watch: new (
    fd: number,
    onReadable: () => void,
  ) => Watch
}

const surface: readonly (keyof Addon)[] = [
  'close',
  'ioctl',
  'ioctlAsync',
  'read',
  'write',
  'pread',
  'pwrite',
  'readWord',
  'writeWord',
  'tryLock',
  'Mapping',
  'pageFrames',
  'bindUnix',
  'listen',
  'accept',
  'connectUnix',
  'sendDescriptors',
  'receiveDescriptors',
  'pipe',
  'eventfd',
  'waitForEventfd',
  'Watch',
]

let loaded: Addon | null = null

/**
 * The addon, loaded at its first use: commands that only read host files run without it. Looked for in
 * `build/Release/vfioctl.node`, which only a checkout has, then `prebuilds/<platform>-<arch>.node` of this package; the
 * single executable has it in itself. The environment variable VFIOCTL_ADDON names another file instead. Throws
 * ADDON_MISSING with what was tried.
 */
export function loadAddon(): Addon {
  const named = process.env['VFIOCTL_ADDON'] ?? ''
  loaded ??= named === '' ? (loadOwn() ?? loadFirst(candidates())) : loadFirst([named])
  return loaded
}

/** The single executable's; null if that does not run. */
function loadOwn(): Addon | null {
  const content = embeddedFile('vfioctl.node')
  if (content === null) return null
  const path = process.execPath
  try {
    const exports = loadEmbedded(content)
    if (isAddon(exports)) return exports
  } catch (error) {
    throw missing([refusedInExecutable(path, error instanceof Error ? error.message : String(error))], error)
  }
  throw missing([refusedInExecutable(path, 'it has the addon of another version in it')], undefined)
}

function candidates(): readonly string[] {
  const root = packageRoot(dirname(fileURLToPath(import.meta.url)))
  if (root === null) return []
  return [join(root, 'build/Release/vfioctl.node'), join(root, 'prebuilds', `${process.platform}-${process.arch}.node`)]
}

/** This module runs from src/kernel, dist/kernel or a bundle in dist/bin: the package is the folder that says so. */
function packageRoot(from: string): string | null {
  const manifest = join(from, 'package.json')
  if (existsSync(manifest) && packageName(manifest) === 'vfioctl') return from
  const parent = dirname(from)
  return parent === from ? null : packageRoot(parent)
}

function packageName(manifest: string): unknown {
  try {
    const content: unknown = JSON.parse(readFileSync(manifest, 'utf8'))
    return typeof content === 'object' && content !== null && 'name' in content ? content.name : null
  } catch {
    return null
  }
}

function loadFirst(paths: readonly string[]): Addon {
  const refusals: Refusal[] = []
  let cause: unknown
  for (const path of paths) {
    try {
      const addon = load(path)
      if ('exports' in addon) return addon.exports
      refusals.push(addon.refused)
    } catch (error) {
      cause = error
      refusals.push(refusedByLoader(path, error instanceof Error ? error.message : String(error)))
    }
  }
  throw missing(refusals, cause)
}

/** Throws what the dynamic loader said. */
function load(path: string): { readonly exports: Addon } | { readonly refused: Refusal } {
  const refused = existsSync(path) ? refusedBeforeLoading(path) : refusedAsAbsent(path)
  if (refused !== null) return { refused }
  const module: { exports: unknown } = { exports: {} }
  process.dlopen(module, path)
  return isAddon(module.exports) ? { exports: module.exports } : { refused: refusedAsOther(path) }
}

/** ADDON_MISSING, with the fault of a file that is there if any is: it says more than that another is not there. */
function missing(refusals: readonly Refusal[], cause: unknown): VfioError {
  const told = refusals.findLast((it) => !it.absent) ?? refusals.at(-1)
  const why = told === undefined ? '' : `: ${told.path}: ${told.reason}`
  const here = `${process.platform}-${process.arch}`
  return new VfioError('ADDON_MISSING', `the native addon for ${here} cannot be loaded${why}`, {
    hint:
      process.platform === 'linux'
        ? (told?.hint ?? 'install the package again, on this machine')
        : 'VFIO is a part of Linux; here, the mock works: `--mock demo`',
    facts: {
      platform: process.platform,
      arch: process.arch,
      node: process.version,
      tried: refusals.map((it) => `${it.path}: ${it.reason}`),
    },
    ...(cause === undefined ? {} : { cause }),
  })
}

function isAddon(value: unknown): value is Addon {
  if (typeof value !== 'object' || value === null) return false
  const members = new Map<string, unknown>(Object.entries(value))
  return surface.every((name) => typeof members.get(name) === 'function')
}
