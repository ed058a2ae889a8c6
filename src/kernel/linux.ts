import fs, { constants } from 'node:fs'
import { join } from 'node:path'
import { loadAddon } from './addon.ts'
import type { Kernel } from './kernel.ts'
import { asCallers } from './linux-errors.ts'
import { hostFiles } from './linux-files.ts'
import { followLog } from './linux-log.ts'
import { runProgram } from './linux-program.ts'
import { watchUevents } from './linux-uevents.ts'

export interface LinuxOptions {
  /** Where the host's file tree begins, for files and for devices: '/' unless told. */
  readonly root?: string
}

const openFlags = { r: constants.O_RDONLY, w: constants.O_WRONLY, rw: constants.O_RDWR }

/**
 * The real kernel. Files are opened and closed by node:fs, so that what only reads and writes host files needs no
 * addon; the rest loads it at the first call (ADDON_MISSING where it is not there).
 */
export function openLinux({ root = '/' }: LinuxOptions = {}): Kernel {
  /** Opened by node:fs, which keeps count of its own in a Worker: closed there too. */
  const opened = new Set<number>()

  return {
    name: 'linux',
    pid: process.pid,
    files: hostFiles(root),

    open(path, access) {
      try {
        // libuv adds O_CLOEXEC.
        const fd = fs.openSync(join(root, path), openFlags[access] | constants.O_NOCTTY)
        opened.add(fd)
        return fd
      } catch (error) {
        throw asCallers(error, path)
      }
    },
    close(fd) {
      if (opened.delete(fd)) fs.closeSync(fd)
      else loadAddon().close(fd)
    },

    ioctl: (fd, request, argument, pointers) => loadAddon().ioctl(fd, request, argument, pointers),
    ioctlAsync: (fd, request, argument) =>
      new Promise((resolve, reject) => {
        loadAddon().ioctlAsync(fd, request, argument, (error, result) =>
          result === undefined ? reject(error) : resolve(result),
        )
      }),
    read: (fd, into) => loadAddon().read(fd, into),
    write: (fd, from) => loadAddon().write(fd, from),
    pread: (fd, into, offset) => loadAddon().pread(fd, into, offset),
    pwrite: (fd, from, offset) => loadAddon().pwrite(fd, from, offset),
    get pageSize() {
      return loadAddon().pageSize()
    },
    mmap: (fd, { offset, length, access }) => loadAddon().mmap(fd, offset, length, access),
    allocateMemory: ({ size, kind }) => loadAddon().allocateMemory(size, kind),
    pageFrames: (memory, offset, count) => loadAddon().pageFrames(memory, offset, count),
    eventfd: (initial = 0) => loadAddon().eventfd(initial),
    waitForEventfd: (eventfds, first, timeoutMs, counter) =>
      loadAddon().waitForEventfd(eventfds, first, timeoutMs, counter),
    watch: (fd, onReadable) => loadAddon().watch(fd, onReadable),
    async watchUevents(listener) {
      // What stands under another root is not what this machine's kernel speaks of.
      return root === '/' ? watchUevents(this.watch, listener) : null
    },
    watchDirectory(path, onChange) {
      try {
        // What fails later is the directory's end.
        return fs.watch(join(root, path), () => onChange()).on('error', () => onChange())
      } catch (error) {
        throw asCallers(error, path)
      }
    },
    followLog: () => (root === '/' ? followLog() : null),
    tryLock: (fd) => loadAddon().tryLock(fd),
    runProgram: (path, run) => runProgram(join(root, path), path, run),
    dispose() {},
  }
}
