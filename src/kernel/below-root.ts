import { closeSync, constants, existsSync, fstatSync, openSync, readlinkSync, realpathSync } from 'node:fs'
import { resolve } from 'node:path'
import { VfioError } from '../base/errors.ts'
import { failedWith, systemError } from '../base/system-error.ts'

/** open(2)'s O_PATH, which Node does not name: a place in the tree, opened without any effect on what stands there. */
const O_PATH = 0o10000000
const maxLinks = 40

/**
 * Runs a call with a path of this machine that leads where a path of the host does, and to nothing else, for as long as
 * the call lasts.
 */
export interface Tree {
  /** To what stands at the path, links followed. */
  at<T>(path: string, call: (full: string) => T): T
  /** To the last name of the path itself, be it a link or nothing; the folders before it are followed. */
  entry<T>(path: string, call: (full: string) => T): T
  /** As `at`, for what takes until a promise is settled. */
  during<T>(path: string, work: (full: string) => Promise<T>): Promise<T>
  /**
   * As `at`, for what opens it: a device, FIFO or socket of another machine's tree is EACCES, as on a `nodev` mount.
   */
  opened<T>(path: string, call: (full: string) => T): T
}

/** The real path of a root; if it leads to nothing, the root as an absolute path. */
export function realRoot(root: string): string {
  try {
    return realpathSync(root)
  } catch (error) {
    if (failedWith(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES')) return resolve(root)
    throw error
  }
}

const ownTree: Tree = {
  at: (path, call) => call(path),
  entry: (path, call) => call(path),
  during: (path, work) => work(path),
  opened: (path, call) => call(path),
}

/**
 * The tree below a root: this machine's own, or for a folder, by its real path, another machine's. No link leads out of
 * that: an absolute one begins at `root`, as under chroot(2), and `..` ends there. What a path leads to is held by a
 * descriptor (of O_PATH) while it is used, so that whoever may change the tree cannot put a link in its place
 * meanwhile. NOT_SUPPORTED if /proc is not mounted here, as in a chroot.
 */
export function treeBelow(root: string): Tree {
  if (root === '/') return ownTree
  if (!existsSync(descriptors)) {
    throw new VfioError('NOT_SUPPORTED', `cannot look below ${root} without /proc, which tells where its links lead`, {
      path: descriptors,
      hint: 'mount -t proc proc /proc',
    })
  }

  function held<T>(path: string, call: (fd: number) => T): T {
    const fd = openBelow(root, path)
    try {
      return call(fd)
    } finally {
      closeSync(fd)
    }
  }

  return {
    at: (path, call) => held(path, (fd) => call(ofDescriptor(fd))),
    entry(path, call) {
      const { folder, name } = split(path)
      return held(folder, (fd) => call(`${ofDescriptor(fd)}/${name}`))
    },
    async during(path, work) {
      const fd = openBelow(root, path)
      try {
        checkPlain(fd, path)
        return await work(ofDescriptor(fd))
      } finally {
        closeSync(fd)
      }
    },
    opened: (path, call) =>
      held(path, (fd) => {
        checkPlain(fd, path)
        return call(ofDescriptor(fd))
      }),
  }
}

const descriptors = '/proc/self/fd'

function ofDescriptor(fd: number): string {
  return `${descriptors}/${fd}`
}

function checkPlain(fd: number, path: string): void {
  const stats = fstatSync(fd)
  if (!stats.isFile() && !stats.isDirectory()) throw systemError('EACCES', 'open', path)
}

/** `.` for the root itself: its name is no entry of it. */
function split(path: string): { folder: string; name: string } {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.')
  const name = parts.pop() ?? '.'
  if (name === '..') throw systemError('EINVAL', 'open', path)
  return { folder: `/${parts.join('/')}`, name }
}

/** Most paths meet no link that leads out: opened at once, and judged by where that came to stand. */
function openBelow(root: string, path: string): number {
  try {
    const fd = openSync(root + path, O_PATH)
    if (isBelow(root, readlinkSync(ofDescriptor(fd)))) return fd
    closeSync(fd)
  } catch (error) {
    // A link may lead to nothing here, and to something below the root.
    if (!failedWith(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES')) throw error
  }
  return walk(root, path)
}

/** Name by name, each link by its text. */
function walk(root: string, path: string): number {
  const rest = path.split('/').reverse()
  const folders = [openSync(root, O_PATH | constants.O_DIRECTORY)]
  const here = () => ofDescriptor(folders.at(-1) ?? -1)
  let links = 0
  try {
    if (readlinkSync(here()) !== root) throw systemError('ENOENT', 'open', path)
    for (let name = rest.pop(); name !== undefined; name = rest.pop()) {
      if (name === '' || name === '.') continue
      if (name === '..') {
        if (folders.length > 1) closeSync(folders.pop() ?? -1)
        continue
      }
      const full = `${here()}/${name}`
      const fd = openSync(full, O_PATH | constants.O_NOFOLLOW)
      folders.push(fd)
      if (!fstatSync(fd).isSymbolicLink()) continue
      if (++links > maxLinks) throw systemError('ELOOP', 'open', path)
      folders.pop()
      closeSync(fd)
      const target = readlinkSync(full)
      if (target.startsWith('/')) while (folders.length > 1) closeSync(folders.pop() ?? -1)
      rest.push(...withoutRoot(root, target).split('/').reverse())
    }
    const found = folders.pop() ?? -1
    return found
  } finally {
    for (const fd of folders) closeSync(fd)
  }
}

/** A link may be told as this machine sees it, with the root in front. */
function withoutRoot(root: string, target: string): string {
  return isBelow(root, target) ? target.slice(root.length) : target
}

function isBelow(root: string, path: string): boolean {
  return path === root || path.startsWith(`${root}/`)
}
