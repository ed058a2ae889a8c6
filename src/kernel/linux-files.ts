import fs, { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import type { FileKind, HostFiles } from './kernel.ts'
import { asCallers } from './linux-errors.ts'
import { failedWith, systemError } from './system-error.ts'

const maxFile = 1024 * 1024

/** The host's files through node:fs, below `root`. */
export function hostFiles(root: string): HostFiles {
  /** Runs a call on the path below the root; its failure is told of the path that the caller knows. */
  function at<T>(path: string, call: (full: string) => T): T {
    try {
      return call(join(root, path))
    } catch (error) {
      throw asCallers(error, path)
    }
  }

  return {
    list: (path) => at(path, (full) => fs.readdirSync(full)),
    read: (path) => at(path, (full) => readBounded(full, path)),
    readlink: (path) => at(path, (full) => fs.readlinkSync(full)),
    kind: (path) => at(path, kindOf),
    create: (path, text) => at(path, (full) => createSynced(full, text)),
    rename: (from, to) => at(from, (full) => fs.renameSync(full, join(root, to))),
    unlink: (path) => at(path, (full) => fs.unlinkSync(full)),
    makeDirectory: (path) => at(path, (full) => fs.mkdirSync(full)),
    removeDirectory: (path) => at(path, (full) => fs.rmdirSync(full)),
    syncDirectory: (path) => at(path, syncDirectory),
    async write(path, text) {
      try {
        await writeOnce(join(root, path), path, text)
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
    const chunks: Buffer[] = []
    let total = 0
    for (;;) {
      const chunk = Buffer.allocUnsafe(16 * 1024)
      const count = fs.readSync(fd, chunk)
      if (count === 0) return Buffer.concat(chunks, total).toString('utf8')
      total += count
      if (total > maxFile) throw systemError('EFBIG', 'read', path)
      chunks.push(chunk.subarray(0, count))
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
    return fs.lstatSync(full)
  } catch (error) {
    if (failedWith(error, 'ENOENT', 'ENOTDIR')) return null
    throw error
  }
}

async function writeOnce(full: string, path: string, text: string): Promise<void> {
  const handle = await open(full, constants.O_WRONLY)
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
