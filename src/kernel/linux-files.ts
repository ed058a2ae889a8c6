import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  fchmodSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  promises,
  readdirSync,
  readlinkSync,
  readSync,
  renameSync,
  rmdirSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { failedWith, systemError } from '../base/system-error.ts'
import { realRoot, treeBelow } from './below-root.ts'
import type { FileKind, FileOwner, HostFiles } from './kernel.ts'
import { asCallers } from './linux-errors.ts'

const maxFile = 1024 * 1024
const directoryMode = 0o755

/** Buffer that most files fit in, used for each: a fresh one would take most of the time of a long listing. */
const smallFile = Buffer.allocUnsafeSlow(16 * 1024)

/** The host's files through node:fs, below `root`. */
export function hostFiles(root: string): HostFiles {
  const real = realRoot(root)
  const isHost = real === '/'
  const tree = treeBelow(real)

  /** Runs a call on what a path leads to; its failure is told of the path that the caller knows. */
  function at<T>(path: string, call: (full: string) => T): T {
    try {
      return tree.at(path, call)
    } catch (error) {
      throw asCallers(error, path)
    }
  }

  /** The same on the path's last name itself. */
  function entry<T>(path: string, call: (full: string) => T): T {
    try {
      return tree.entry(path, call)
    } catch (error) {
      throw asCallers(error, path)
    }
  }

  return {
    uid: process.geteuid?.() ?? 0,
    list: (path) => at(path, (full) => readdirSync(full)),
    read(path, largest = maxFile) {
      try {
        return tree.opened(path, (full) => readBounded(full, path, largest))
      } catch (error) {
        throw asCallers(error, path)
      }
    },
    readlink: (path) => entry(path, (full) => readlinkSync(full)),
    kind(path) {
      try {
        return tree.entry(path, kindOf)
      } catch (error) {
        if (failedWith(error, 'ENOENT', 'ENOTDIR')) return null
        throw asCallers(error, path)
      }
    },
    isClaimed(path) {
      // a node of another root is of this machine all the same
      return isHost && tree.at(path, isClaimed)
    },
    owner: (path) => at(path, ownerOf),
    modified: (path) => at(path, (full) => statSync(full).mtimeMs),
    chown: (path, uid, gid) => at(path, (full) => chownSync(full, uid, gid)),
    chmod: (path, mode) => at(path, (full) => chmodSync(full, mode)),
    create: (path, text, mode = 0o644) => entry(path, (full) => createSynced(full, text, mode)),
    rename: (from, to) => entry(from, (full) => entry(to, (target) => renameSync(full, target))),
    unlink: (path) => entry(path, (full) => unlinkSync(full)),
    makeDirectory: (path) => entry(path, makeDirectory),
    removeDirectory: (path) => entry(path, (full) => rmdirSync(full)),
    syncDirectory: (path) => at(path, syncDirectory),
    async write(path, text) {
      try {
        await tree.during(path, (full) => writeOnce(full, path, text))
      } catch (error) {
        throw asCallers(error, path)
      }
    },
  }
}

function withDescriptor<T>(path: string, flags: number, use: (fd: number) => T, mode?: number): T {
  const fd = openSync(path, flags, mode)
  try {
    return use(fd)
  } finally {
    closeSync(fd)
  }
}

/** Read to its end and not by its size: sysfs says 4096 of every attribute, /proc says 0. */
function readBounded(full: string, path: string, largest: number): string {
  // Non-blocking: a FIFO that nobody writes to is empty, not a hang.
  return withDescriptor(full, constants.O_RDONLY | constants.O_NONBLOCK, (fd) => {
    let buffer = smallFile
    let used = 0
    for (;;) {
      const count = readSync(fd, buffer, used, buffer.length - used, null)
      if (count === 0) return buffer.toString('utf8', 0, used)
      used += count
      if (used > largest) throw systemError('EFBIG', 'read', path)
      if (used === buffer.length) buffer = Buffer.concat([buffer], 4 * buffer.length)
    }
  })
}

function kindOf(full: string): FileKind | null {
  const stats = lstatSync(full, { throwIfNoEntry: false })
  if (stats === undefined) return null
  if (stats.isSymbolicLink()) return 'symlink'
  if (stats.isDirectory()) return 'directory'
  if (stats.isFile()) return 'file'
  return stats.isCharacterDevice() || stats.isBlockDevice() ? 'device' : 'other'
}

/** Read-only, and not waiting for a medium: nothing happens to the device by that. */
function isClaimed(full: string): boolean {
  try {
    if (!statSync(full).isBlockDevice()) return false
    return withDescriptor(full, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_EXCL, () => false)
  } catch (error) {
    return failedWith(error, 'EBUSY')
  }
}

function ownerOf(full: string): FileOwner {
  const { uid, gid, mode } = statSync(full)
  return { uid, gid, mode: mode & 0o7777 }
}

async function writeOnce(full: string, path: string, text: string): Promise<void> {
  const handle = await promises.open(full, constants.O_WRONLY)
  try {
    const bytes = Buffer.from(text)
    const { bytesWritten } = await handle.write(bytes)
    if (bytesWritten !== bytes.length) throw systemError('EIO', 'write', path)
  } finally {
    await handle.close()
  }
}

/** The umask takes of a mode: it is set once more, before anything is in the file. */
function createSynced(full: string, text: string, mode: number): void {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL
  const fill = (fd: number) => {
    try {
      fchmodSync(fd, mode)
      writeFileSync(fd, text)
      fsyncSync(fd)
    } catch (error) {
      unlinkSync(full)
      throw error
    }
  }
  withDescriptor(full, flags, fill, mode)
}

function makeDirectory(full: string): void {
  mkdirSync(full, directoryMode)
  const flags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW
  withDescriptor(full, flags, (fd) => fchmodSync(fd, directoryMode))
}

function syncDirectory(full: string): void {
  withDescriptor(full, constants.O_RDONLY | constants.O_DIRECTORY, (fd) => fsyncSync(fd))
}
