import fs, { constants } from 'node:fs'
import { resolve } from 'node:path'
import type { FileKind, FileOwner, HostFiles } from './kernel.ts'
import { asCallers } from './linux-errors.ts'
import { failedWith, systemError } from './system-error.ts'

const maxFile = 1024 * 1024

/** Where most files fit, over and over: a fresh buffer for each would take most of the time of a long listing. */
const smallFile = Buffer.allocUnsafeSlow(16 * 1024)

/** The host's files through node:fs, below `root`. */
export function hostFiles(root: string): HostFiles {
  /** What stands before every path, which is absolute: to join them anew for each of thousands would take long. */
  const above = root === '/' ? '' : resolve(root)

  /** Runs a call on the path below the root; its failure is told of the path that the caller knows. */
  function at<T>(path: string, call: (full: string) => T): T {
    try {
      return call(above + path)
    } catch (error) {
      throw asCallers(error, path)
    }
  }

  return {
    list: (path) => at(path, (full) => fs.readdirSync(full)),
    read: (path) => at(path, (full) => readBounded(full, path)),
    readlink: (path) => at(path, (full) => fs.readlinkSync(full)),
    kind: (path) => at(path, kindOf),
    owner: (path) => at(path, ownerOf),
    chown: (path, uid, gid) => at(path, (full) => fs.chownSync(full, uid, gid)),
    chmod: (path, mode) => at(path, (full) => fs.chmodSync(full, mode)),
    create: (path, text) => at(path, (full) => createSynced(full, text)),
    rename: (from, to) => at(from, (full) => fs.renameSync(full, above + to)),
    unlink: (path) => at(path, (full) => fs.unlinkSync(full)),
    makeDirectory: (path) => at(path, (full) => fs.mkdirSync(full)),
    removeDirectory: (path) => at(path, (full) => fs.rmdirSync(full)),
    syncDirectory: (path) => at(path, syncDirectory),
    async write(path, text) {
      try {
        await writeOnce(above + path, path, text)
      } catch (error) {
        throw asCallers(error, path)
      }
    },
  }
}

function withDescriptor<T>(path: string, flags: number, use: (fd: number) => T): T {
  const fd = fs.openSync(path, flags, 0o644)
  try {
    return use(fd)
  } finally {
    fs.closeSync(fd)
  }
}

/** Read to its end and not by its size: sysfs says 4096 of every attribute, /proc says 0. */
function readBounded(full: string, path: string): string {
  // Non-blocking: a FIFO that nobody writes to is empty, not a hang.
  return withDescriptor(full, constants.O_RDONLY | constants.O_NONBLOCK, (fd) => {
    let buffer = smallFile
    let used = 0
    for (;;) {
      const count = fs.readSync(fd, buffer, used, buffer.length - used, null)
      if (count === 0) return buffer.toString('utf8', 0, used)
      used += count
      if (used > maxFile) throw systemError('EFBIG', 'read', path)
      if (used === buffer.length) buffer = Buffer.concat([buffer], 4 * buffer.length)
    }
  })
}

function kindOf(full: string): FileKind | null {
  const stats = statsOf(full)
  if (stats === null) return null
  if (stats.isSymbolicLink()) return 'symlink'
  if (stats.isDirectory()) return 'directory'
  if (stats.isFile()) return 'file'
  return stats.isCharacterDevice() || stats.isBlockDevice() ? 'device' : 'other'
}

function statsOf(full: string): fs.Stats | null {
  try {
    return fs.lstatSync(full, { throwIfNoEntry: false }) ?? null
  } catch (error) {
    if (failedWith(error, 'ENOTDIR')) return null
    throw error
  }
}

function ownerOf(full: string): FileOwner {
  const { uid, gid, mode } = fs.statSync(full)
  return { uid, gid, mode: mode & 0o7777 }
}

async function writeOnce(full: string, path: string, text: string): Promise<void> {
  const handle = await fs.promises.open(full, constants.O_WRONLY)
  try {
    const bytes = Buffer.from(text)
    const { bytesWritten } = await handle.write(bytes)
    if (bytesWritten !== bytes.length) throw systemError('EIO', 'write', path)
  } finally {
    await handle.close()
  }
}

function createSynced(full: string, text: string): void {
  withDescriptor(full, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, (fd) => {
    try {
      fs.writeFileSync(fd, text)
      fs.fsyncSync(fd)
    } catch (error) {
      fs.unlinkSync(full)
      throw error
    }
  })
}

function syncDirectory(full: string): void {
  withDescriptor(full, constants.O_RDONLY | constants.O_DIRECTORY, (fd) => fs.fsyncSync(fd))
}
