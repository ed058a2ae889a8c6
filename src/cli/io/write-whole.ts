import { randomBytes } from 'node:crypto'
import { closeSync, openSync, realpathSync, renameSync, rmSync, statSync, writeSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { kernelAnswer, VfioError } from '../../base/errors.ts'
import { isSystemError } from '../../base/system-error.ts'
import { printable } from '../../base/units.ts'

/**
 * Writes a file of the caller's: all pieces or nothing, and what was there before stays. What is no plain file (a pipe,
 * /dev/null) is written to as they come. INTERRUPTED once `interruption` is aborted.
 */
export async function writeWhole(path: string, pieces: Iterable<Uint8Array>, interruption: AbortSignal): Promise<void> {
  const before = asCallers(path, () => statSync(path, { throwIfNoEntry: false }))
  if (before !== undefined && !before.isFile()) {
    const fd = asCallers(path, () => openSync(path, 'w'))
    return await fill(fd, path, pieces, interruption)
  }
  const target = before === undefined ? path : asCallers(path, () => realpathSync(path))
  const fresh = `${target}.${randomBytes(6).toString('hex')}`
  const fd = asCallers(path, () => openSync(fresh, 'wx', before === undefined ? 0o666 : before.mode & 0o777))
  try {
    await fill(fd, path, pieces, interruption)
    asCallers(path, () => renameSync(fresh, target))
  } catch (error) {
    rmSync(fresh, { force: true })
    throw error
  }
}

/** Closes the descriptor too. */
async function fill(fd: number, path: string, pieces: Iterable<Uint8Array>, interruption: AbortSignal): Promise<void> {
  try {
    for (const bytes of pieces) {
      asCallers(path, () => writeAll(fd, bytes))
      // only the event loop sees a signal
      await setImmediate()
      if (interruption.aborted)
        throw new VfioError('INTERRUPTED', `interrupted while writing ${printable(path)}`, { path })
    }
  } finally {
    closeSync(fd)
  }
}

function writeAll(fd: number, bytes: Uint8Array): void {
  let rest = bytes
  while (rest.length > 0) rest = rest.subarray(writeSync(fd, rest))
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
