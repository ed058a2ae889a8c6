import { lchownSync, unlinkSync } from 'node:fs'
import { failedWith } from '../base/system-error.ts'
import { loadAddon } from './addon.ts'
import { asCallers } from './linux-errors.ts'
import type { UnixSockets } from './unix-sockets.ts'

/** Of this machine. */
export const linuxSockets: UnixSockets = {
  listen(path, uid) {
    const fd = withPath(path, () => loadAddon().bindUnix(path))
    try {
      // nobody can connect before listen(2): by then it is its owner's
      lchownSync(path, uid, process.getgid?.() ?? 0)
      loadAddon().listen(fd)
      return fd
    } catch (error) {
      loadAddon().close(fd)
      unlinkSync(path)
      throw asCallers(error, path)
    }
  },
  accept: (fd) => orNull('EAGAIN', () => loadAddon().accept(fd)),
  connect(path) {
    return withPath(path, () => loadAddon().connectUnix(path))
  },
  send: (fd, message, descriptors) => loadAddon().sendDescriptors(fd, message, Int32Array.from(descriptors)),
  receive: (fd, into) =>
    orNull('EAGAIN', () => {
      const { length, descriptors } = loadAddon().receiveDescriptors(fd, into)
      return { length, descriptors: [...descriptors] }
    }),
}

function withPath<T>(path: string, call: () => T): T {
  try {
    return call()
  } catch (error) {
    throw asCallers(error, path)
  }
}

function orNull<T>(code: string, call: () => T): T | null {
  try {
    return call()
  } catch (error) {
    if (failedWith(error, code)) return null
    throw error
  }
}
