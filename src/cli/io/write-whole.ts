import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import { kernelAnswer, VfioError } from '../../base/errors.ts'
import { isSystemError } from '../../base/system-error.ts'
import { printable } from '../../base/units.ts'

/**
 * Writes a file of the caller's: all that `produce` hands over, or nothing, and what was there before stays. What is no
 * plain file (a pipe, /dev/null) is written to as it comes.
 */
export function writeWhole(path: string, produce: (write: (bytes: Uint8Array) => void) => void): void {
  const before = asCallers(path, () => fs.statSync(path, { throwIfNoEntry: false }))
  if (before !== undefined && !before.isFile()) {
    const fd = asCallers(path, () => fs.openSync(path, 'w'))
    try {
      produce((bytes) => asCallers(path, () => writeAll(fd, bytes)))
    } finally {
      fs.closeSync(fd)
    }
    return
  }
  const target = before === undefined ? path : asCallers(path, () => fs.realpathSync(path))
  const fresh = `${target}.${randomBytes(6).toString('hex')}`
  const fd = asCallers(path, () => fs.openSync(fresh, 'wx', before === undefined ? 0o666 : before.mode & 0o777))
  try {
    try {
      produce((bytes) => asCallers(path, () => writeAll(fd, bytes)))
    } finally {
      fs.closeSync(fd)
    }
    asCallers(path, () => fs.renameSync(fresh, target))
  } catch (error) {
    fs.rmSync(fresh, { force: true })
    throw error
  }
}

function writeAll(fd: number, bytes: Uint8Array): void {
  let rest = bytes
  while (rest.length > 0) rest = rest.subarray(fs.writeSync(fd, rest))
}

function asCallers<T>(path: string, call: () => T): T {
  try {
    return call()
  } catch (error) {
    if (!isSystemError(error)) throw error
    const code =
      error.code === 'ENOENT' ? 'NOT_FOUND' : error.code === 'EACCES' ? 'PERMISSION_DENIED' : 'SYSTEM_CALL_FAILED'
    throw new VfioError(code, `cannot write ${printable(path)}: ${kernelAnswer(error)}`, { cause: error, path })
  }
}
