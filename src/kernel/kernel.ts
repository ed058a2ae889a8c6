import type { KernelLog } from './kernel-log.ts'
import type { Uevent } from './uevents.ts'
import type { UnixSockets } from './unix-sockets.ts'

/**
 * The seam: everything this package asks of an operating system, at the level of system calls.
 *
 * Two kernels stand behind it: `linux.ts` (the real one, through the addon and node:fs) and `mock/` (a simulated one).
 * Both take and give the same bytes and fail with the same `SystemError`, so that struct codecs, ordering, capability
 * chains and errno handling run alike on both. Nothing above this folder knows which kernel it talks to.
 */
export interface Kernel {
  readonly name: 'linux' | 'mock'
  /** True if it answers what was recorded of a host: that can be read, and nothing be changed (NOT_SUPPORTED). */
  readonly recorded: boolean
  /**
   * Host files: /sys, /proc, /dev, /etc. Paths are absolute, as on the host. Below another root they are another
   * machine's: no link leads out of it, and its device nodes, FIFOs and sockets cannot be opened (EACCES).
   */
  readonly files: HostFiles
  /** This process's number, as /proc on this kernel shows it. */
  readonly pid: number

  /** open(2) with O_CLOEXEC. Returns a descriptor of this kernel. */
  open(path: string, access: 'r' | 'w' | 'rw'): number
  /** close(2): the descriptor is free for another file from then on. */
  close(fd: number): void
  /**
   * fstat(2): the number of the character device behind a descriptor, whoever opened it; null for any other file.
   * `SystemError` EBADF if it is not open.
   */
  deviceNumber(fd: number): DeviceNumber | null

  /**
   * ioctl(2). `argument` is a struct (read and overwritten in place), an integer passed by value, or nothing.
   * `pointers` names fields of the struct that hold an address: the kernel side fills each with the address of its
   * buffer for the length of the call. Requests that are none of VFIO's or iommufd's, and structs shorter than what
   * the kernel reads of them or than their `argsz`, are refused before the call: RangeError.
   */
  ioctl(fd: number, request: number, argument?: Uint8Array | number, pointers?: readonly IoctlPointer[]): number
  /**
   * ioctl(2) off the event loop: for what may take seconds, such as a device's reset. The descriptor may be closed
   * meanwhile; the file behind it stays open until the answer is there. What the kernel writes into the struct is lost.
   */
  ioctlAsync(fd: number, request: number, argument?: Uint8Array): Promise<number>

  /** read(2) in one call. Returns the bytes read, which may be fewer; 0 at the end. */
  read(fd: number, into: Uint8Array): number
  /** write(2) in one call. Returns the bytes written, which may be fewer. */
  write(fd: number, from: Uint8Array): number
  /** pread(2) in one call; `offset` is at most 2^53-1. Returns the bytes moved, which may be fewer. */
  pread(fd: number, into: Uint8Array, offset: number): number
  /** pwrite(2) in one call; `offset` is at most 2^53-1. Returns the bytes moved, which may be fewer. */
  pwrite(fd: number, from: Uint8Array, offset: number): number
  /**
   * pread(2) of one little-endian number of `width` bytes: what a register holds. If the kernel moved another number of
   * bytes, that number's complement, which is negative (`~moved`).
   */
  readWord(fd: number, offset: number, width: WordWidth): number
  /** pwrite(2) of such a number. Returns the bytes moved. */
  writeWord(fd: number, offset: number, width: WordWidth, value: number): number

  /** Bytes of a page: what mappings are made of. A power of two. */
  readonly pageSize: number
  /** Bytes of a huge page, what 'hugepages' are: 2 MiB on x86-64. A power of two. */
  readonly hugePageSize: number
  /** mmap(2) MAP_SHARED of an opened device or memory file. */
  mmap(fd: number, options: MmapOptions): Mapping
  /** Page-aligned memory that a device may be given: MAP_SHARED, never V8 heap. */
  allocateMemory(options: MemoryOptions): Mapping
  /**
   * The words of /proc/self/pagemap for `count` pages of the memory from `offset` on
   * (Documentation/admin-guide/mm/pagemap.rst), after locking them: for devices that use physical addresses. Frame
   * numbers are 0 for whoever lacks CAP_SYS_ADMIN.
   */
  pageFrames(memory: Mapping, offset: number, count: number): BigUint64Array

  /** eventfd(2), non-blocking, close-on-exec. */
  eventfd(initial?: number): number
  /**
   * Waits until one of these eventfds of ours was signalled, which blocks this thread, and reads it: poll(2) and
   * read(2) in one call. Its counter, which starts at 0 again, goes to `counter[0]`. Returns its index, or -1 after
   * `timeoutMs`, 0 to 2^31-1. If several were signalled, it is the next one from index `first` on, around the end. On
   * the mock nothing can happen while this thread waits: time is up at once.
   */
  waitForEventfd(eventfds: Int32Array, first: number, timeoutMs: number, counter: Float64Array): number

  /** Calls back on the event loop whenever `fd` is readable, until closed. Keeps the process alive unless `unref`. */
  watch(fd: number, onReadable: () => void): Watch
  /**
   * Calls back with each uevent from then on, in order, until the watch is closed; it keeps Node alive unless unref'd.
   * Null if nothing tells of devices (no libudev, no ffi-rs, in a Worker, another root): who wants to know looks
   * again from time to time. NOT_SUPPORTED with the reason if this kernel's events go to other namespaces alone, as in
   * a rootless container.
   */
  watchUevents(listener: (event: Uevent) => void): Promise<Watch | null>

  /**
   * Calls back after what a directory holds has changed, or what one of its files says, until the watch is closed. A
   * directory that goes takes its watch along. `SystemError` if it cannot be watched.
   */
  watchDirectory(path: string, onChange: () => void): Watch

  /** Listens to the kernel's log; null if this process may not, or if there is none. */
  followLog(): KernelLog | null

  /** flock(2) with LOCK_EX|LOCK_NB on an opened file or directory: false if another holder has it. */
  tryLock(fd: number): boolean

  /** False if the host's files are another machine's: what is a program there does not run on this one. */
  readonly runsPrograms: boolean
  /**
   * Runs a program of the host (a callout script, sriov-manage) to its end, by its absolute path and without a shell.
   * SystemError if it cannot be run: ENOENT, EACCES, ENOEXEC; EPERM if `runsPrograms` is false. After `timeoutMs` it
   * is killed with all it started.
   */
  runProgram(path: string, run: ProgramRun): Promise<ProgramEnd>

  /** False if no program can be given descriptors of this kernel: a simulated one's are of its own process alone. */
  readonly passesDescriptors: boolean
  /**
   * Starts a program of the host in the foreground, by its absolute path and without a shell: it has this process's
   * stdin, stdout and stderr, and `descriptors` as 3, 4, … `SystemError` if it cannot be started: ENOENT, EACCES,
   * ENOEXEC; EPERM if `passesDescriptors` is false.
   */
  startProgram(path: string, start: ProgramBeginning): Promise<StartedProgram>

  /**
   * Sockets by which processes hand each other descriptors. On a simulated kernel they lead to its own process alone.
   */
  readonly sockets: UnixSockets

  /** Releases what the kernel object itself holds (the mock's files; nothing on Linux). */
  dispose(): void
}

/** A device's number: what makedev(3) is made of. */
export interface DeviceNumber {
  readonly major: number
  readonly minor: number
}

/** In bytes. */
export type WordWidth = 1 | 2 | 4

/** A program to run, and how long it may take, in milliseconds. */
export interface ProgramRun {
  readonly arguments: readonly string[]
  /** Its stdin; empty if absent. */
  readonly input?: string
  readonly timeoutMs: number
  /** It gets the SIGINT, SIGTERM and SIGHUP that this process gets, and does not outlive it. */
  readonly endsWithUs?: boolean
}

/** A program to start in the foreground. */
export interface ProgramBeginning {
  readonly arguments: readonly string[]
  /** Its environment, as a whole. */
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Descriptors of this process; it may close them once the program has started. */
  readonly descriptors: readonly number[]
}

/** A program that runs. */
export interface StartedProgram {
  /** The end of it: the name of the signal that ended it, or its exit status. */
  readonly ended: Promise<{ readonly status: number | null; readonly signal: string | null }>
  /** kill(2); nothing once it has ended. */
  kill(signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP'): void
}

/** The end of a program, and its output. */
export interface ProgramEnd {
  /** Null if a signal ended it. */
  readonly status: number | null
  readonly timedOut: boolean
  /** At most 1 MiB each; what is more is read and dropped. */
  readonly stdout: string
  readonly stderr: string
}

/**
 * A pointer field inside an ioctl's struct: the address of byte `at` of `target` is put at byte `offset` for the call.
 */
export interface IoctlPointer {
  readonly offset: number
  readonly target: Uint8Array | Mapping
  /** 0 if absent; at most the target's length. */
  readonly at?: number
}

/** The part of a file to map, as mmap(2) takes it. */
export interface MmapOptions {
  /** File offset and length in bytes, multiples of the page size. */
  readonly offset: number
  readonly length: number
  readonly access: 'r' | 'w' | 'rw'
}

/** Memory to allocate. */
export interface MemoryOptions {
  /** Bytes, a multiple of the page size. */
  readonly size: number
  /** 'anonymous' pages, 'hugepages' of `hugePageSize`, or a 'memfd' that can be handed to another process. */
  readonly kind: 'anonymous' | 'hugepages' | 'memfd'
}

/** Accesses of exactly that width, little-endian; `offset` is in bytes, a multiple of the width. */
export interface Accessors {
  /** Reads a byte at `offset`, in bytes. */
  read8(offset: number): number
  /** Reads 16 bits at `offset`, in bytes. */
  read16(offset: number): number
  /** Reads 32 bits at `offset`, in bytes. */
  read32(offset: number): number
  /** Reads 64 bits at `offset`, in bytes. */
  read64(offset: number): bigint
  /** Writes a byte at `offset`, in bytes. */
  write8(offset: number, value: number): void
  /** Writes 16 bits at `offset`, in bytes. */
  write16(offset: number, value: number): void
  /** Writes 32 bits at `offset`, in bytes. */
  write32(offset: number, value: number): void
  /** Writes 64 bits at `offset`, in bytes. */
  write64(offset: number, value: bigint): void
  /**
   * Fills `bytes` from `offset` on, upwards, in 32-bit accesses, and narrower ones only if `offset` or the length is
   * no multiple of 4.
   */
  readInto(offset: number, bytes: Uint8Array): void
  /** The same with writes. */
  writeFrom(offset: number, bytes: Uint8Array): void
}

/**
 * Mapped memory. Each accessor is one load or store; what is not inside the mapping is RangeError, what it was not
 * mapped for is TypeError. Device memory that is gone (memory decode off, reset) is a `SystemError` EFAULT, and the
 * mapping works again once the device does.
 */
export interface Mapping extends Accessors {
  readonly length: number
  /** The memory as bytes, for RAM-like memory only: JavaScript's own accesses promise no width. Empty after close. */
  view(): Uint8Array
  /** The descriptor behind 'memfd' memory, else null. Owned by the mapping. */
  readonly fd: number | null
  /** Detaches every view, then munmap(2). Closing twice is allowed. */
  close(): void
}

/** A descriptor that is watched until `close`. */
export interface Watch {
  /** Keeps the process alive while it watches, as it does from the beginning. */
  ref(): void
  /** Lets the process end although it still watches. */
  unref(): void
  /** Idempotent. The descriptor itself stays open: its owner closes it after this returns. */
  close(): void
}

/** The kind of file at a path, a symlink not followed. */
export type FileKind = 'file' | 'directory' | 'symlink' | 'device' | 'other'

/** Owner and permissions of a file, from stat(2). */
export interface FileOwner {
  readonly uid: number
  readonly gid: number
  /** The twelve bits of permission: 0o660. */
  readonly mode: number
}

/** Host files. Every failure is a `SystemError` with the path as the caller gave it. */
export interface HostFiles {
  /** The user whom we are to these files; 0 is root. */
  readonly uid: number
  /** Names in a directory, in no order. */
  list(path: string): string[]
  /** A whole text file of at most `largest` bytes, 1 MiB if that is absent (EFBIG beyond). */
  read(path: string, largest?: number): string
  /** The target of a symlink, as it stands there; EINVAL for what is none. */
  readlink(path: string): string
  /** The kind of file at a path, a symlink not followed; null if there is none. */
  kind(path: string): FileKind | null
  /**
   * One write(2) to an existing file such as a sysfs attribute, off the event loop: the kernel may block in it
   * for long. Never creates or truncates.
   */
  write(path: string, text: string): Promise<void>

  /**
   * True if somebody has a block device for himself, who need not show elsewhere: a mounted file system, swap, an
   * array, a pool (open(2) with O_EXCL answers EBUSY). False for what is none, or cannot be asked.
   */
  isClaimed(path: string): boolean

  /** The owner and permissions of a file, from stat(2). */
  owner(path: string): FileOwner
  /** The time when a file's content was last changed, from stat(2): milliseconds since 1970; 0 on the mock. */
  modified(path: string): number
  /** chown(2), by the numbers of a user and a group. */
  chown(path: string, uid: number, gid: number): void
  /** chmod(2); `mode` is the twelve bits of permission. */
  chmod(path: string, mode: number): void

  /** A new file with this content, synced to the disk: EEXIST if one is there. `mode` is 0o644 unless told. */
  create(path: string, text: string, mode?: number): void
  /** rename(2): replaces what is at `to` in one step. */
  rename(from: string, to: string): void
  /** unlink(2): removes a file or a symlink. */
  unlink(path: string): void
  /** mkdir(2) of mode 0755, whatever the umask; EEXIST if it is there. */
  makeDirectory(path: string): void
  /** rmdir(2): ENOTEMPTY for one that holds something. */
  removeDirectory(path: string): void
  /** fsync(2) of a directory, so that a rename in it survives a power cut. */
  syncDirectory(path: string): void
}
