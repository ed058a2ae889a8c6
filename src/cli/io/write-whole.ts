import { randomBytes } from 'node:crypto'
import { closeSync, constants, openSync, realpathSync, renameSync, rmSync, statSync, writeSync } from 'node:fs'
import { setImmediate, setTimeout as sleep } from 'node:timers/promises'
import { kernelAnswer, VfioError } from '../../base/errors.ts'
import { failedWith, isSystemError } from '../../base/system-error.ts'
import { printable } from '../../base/units.ts'

/**
 * Writes a file of the caller's: all pieces or nothing, and what was there before stays. What is no plain file (a pipe,
 * /dev/null) is written to as they come. A file has `mode` if that is given, else the one that it had. INTERRUPTED once
 * `interruption` is aborted; TIMED_OUT if nobody reads a pipe.
 */
export async function writeWhole(
  path: string,
  pieces: Iterable<Uint8Array>,
  interruption: AbortSignal,
  mode?: number,
): Promise<void> {
  if (path === '') throw new VfioError('INVALID_ARGUMENT', 'the name of the file to write is empty')
  const before = asCallers(path, () => statSync(path, { throwIfNoEntry: false }))
  if (before !== undefined && !before.isFile()) {
    return await fill(await openSpecial(path, before.isFIFO(), interruption), path, pieces, interruption)
  }
  const target = before === undefined ? path : asCallers(path, () => realpathSync(path))
  const fresh = `${target}.${randomBytes(6).toString('hex')}`
  const fd = asCallers(path, () => openSync(fresh, 'wx', mode ?? (before === undefined ? 0o666 : before.mode & 0o777)))
  try {
    await fill(fd, path, pieces, interruption)
    asCallers(path, () => renameSync(fresh, target))
  } catch (error) {
    rmSync(fresh, { force: true })
    throw error
  }
}

/** Longest wait for a reader of a named pipe, and the pause between two attempts, in milliseconds. */
const readersMs = 5000
const pauseMs = 20

/** Non-blocking: a named pipe without a reader would be waited for without a word, and no signal seen. */
async function openSpecial(path: string, isPipe: boolean, interruption: AbortSignal): Promise<number> {
  const began = performance.now()
  for (;;) {
    try {
      return openSync(path, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY)
    } catch (error) {
      if (!isPipe || !failedWith(error, 'ENXIO')) throw asCallersError(path, error)
    }
    checkGoesOn(path, interruption)
    if (performance.now() - began > readersMs) {
      throw new VfioError('TIMED_OUT', `nobody has read the pipe ${printable(path)} in ${readersMs / 1000} s`, { path })
    }
    await sleep(pauseMs)
  }
}

function checkGoesOn(path: string, interruption: AbortSignal): void {
  if (interruption.aborted) throw new VfioError('INTERRUPTED', `interrupted while writing ${printable(path)}`, { path })
}

/** Closes the descriptor too. */
async function fill(fd: number, path: string, pieces: Iterable<Uint8Array>, interruption: AbortSignal): Promise<void> {
  try {
    for (const bytes of pieces) {
      await writeAll(fd, path, bytes, interruption)
      // only the event loop sees a signal
      await setImmediate()
      checkGoesOn(path, interruption)
    }
  } finally {
    closeSync(fd)
  }
}

async function writeAll(fd: number, path: string, bytes: Uint8Array, interruption: AbortSignal): Promise<void> {
  let rest = bytes
  while (rest.length > 0) {
    const written = asCallers(path, () => writeSome(fd, rest))
    rest = rest.subarray(written)
    if (written > 0) continue
    checkGoesOn(path, interruption)
    await sleep(pauseMs)
  }
}

/** 0 if a reader is slow, and its pipe full. */
function writeSome(fd: number, bytes: Uint8Array): number {
  try {
    return writeSync(fd, bytes)
  } catch (error) {
    if (failedWith(error, 'EAGAIN')) return 0
    throw error
  }
}

function asCallers<T>(path: string, call: () => T): T {
  try {
    return call()
  } catch (error) {
    throw asCallersError(path, error)
  }
}

function asCallersError(path: string, error: unknown): unknown {
  if (!isSystemError(error)) return error
  const code =
    error.code === 'ENOENT' ? 'NOT_FOUND' : error.code === 'EACCES' ? 'PERMISSION_DENIED' : 'SYSTEM_CALL_FAILED'
  return new VfioError(code, `cannot write ${printable(path)}: ${kernelAnswer(error)}`, { cause: error, path })
}
