import { posix } from 'node:path'
import { Errno } from '../base/errno.ts'
import type { OpenFile } from '../descriptors/open-file.ts'

/** Anything that a path can lead to. */
export type Node = Folder | TextFile | Link | DeviceNode

/** A directory. */
export interface Folder {
  readonly kind: 'directory'
  /** On the writable disk, where files can be made. */
  readonly onDisk: boolean
  readonly entries: ReadonlyMap<string, Node>
}

/** A file, of text as sysfs has most of them. */
export interface TextFile {
  readonly kind: 'file'
  /** Absent if the file may not be read, or not written: open(2) is then EACCES, for root too. */
  readonly read?: () => string | Uint8Array
  /** One write(2) of these bytes. A promise if it blocks. */
  readonly write?: (bytes: Buffer) => void | Promise<void>
}

/** A symbolic link. */
export interface Link {
  readonly kind: 'symlink'
  readonly target: string
}

/** A character device. */
export interface DeviceNode {
  readonly kind: 'device'
  /** Registers and returns a descriptor. */
  readonly open: () => number
}

/** A directory that is filled step by step, and partly not before it is looked into. */
export class Directory implements Folder {
  readonly kind = 'directory'
  readonly onDisk: boolean
  readonly #entries = new Map<string, Node>()
  #late: (() => Iterable<readonly [string, Node]>)[] = []

  constructor(onDisk = false) {
    this.onDisk = onDisk
  }

  get entries(): ReadonlyMap<string, Node> {
    const late = this.#late
    this.#late = []
    for (const build of late) for (const [name, node] of build()) this.#put(name, node)
    return this.#entries
  }

  /** The directory at a path below this one, made with those above it if it is not there. */
  at(path: string): Directory {
    let directory: Directory = this
    for (const name of path.split('/').filter(Boolean)) {
      let child = directory.#entries.get(name)
      if (child === undefined) {
        child = new Directory(this.onDisk)
        directory.#entries.set(name, child)
      }
      if (!(child instanceof Directory)) throw new TypeError(`${path} goes through a ${child.kind}`)
      directory = child
    }
    return directory
  }

  set(name: string, node: Node): this {
    this.#put(name, node)
    return this
  }

  /** Entries that are made when the directory is looked into for the first time. */
  late(build: () => Iterable<readonly [string, Node]>): this {
    this.#late.push(build)
    return this
  }

  #put(name: string, node: Node): void {
    const there = this.#entries.get(name)
    // a folder that was made for what lies below it keeps that, and gets what is its own
    if (there instanceof Directory && node.kind === 'directory') there.late(() => node.entries)
    else this.#entries.set(name, node)
  }
}

/** A file that is read only. */
export function readOnly(read: string | (() => string | Uint8Array)): TextFile {
  return { kind: 'file', read: typeof read === 'string' ? () => read : read }
}

/** A file that is written only, as most controls of sysfs. */
export function writeOnly(write: (bytes: Buffer) => void | Promise<void>): TextFile {
  return { kind: 'file', write }
}

/**
 * A symlink as the kernel makes them in sysfs: relative to the directory it stands in, and by way of the folder that
 * holds its target even if that folder is further up.
 */
export function link(from: string, to: string): Link {
  const folder = posix.relative(from, posix.dirname(to))
  return { kind: 'symlink', target: posix.join(folder, posix.basename(to)) }
}

/** A directory or file that has been opened: enough to be locked with flock(2), and read. */
export function openNode(node: Folder | TextFile, path: string): OpenFile {
  if (node.kind === 'directory') return { link: path, lockPath: path, read: () => refuse('EISDIR'), close() {} }
  const { read } = node
  if (read === undefined) return { link: path, lockPath: path, close() {} }
  const content = Buffer.from(read())
  let position = 0
  const pread = (into: Uint8Array, offset: number) => content.copy(into, 0, offset)
  return {
    link: path,
    lockPath: path,
    pread,
    read: (into) => {
      const count = pread(into, position)
      position += count
      return count
    },
    close() {},
  }
}

function refuse(code: string): never {
  throw new Errno(code)
}
