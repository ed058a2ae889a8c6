import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { kernelAnswer, VfioError } from '../../base/errors.ts'
import { failedWith } from '../../base/system-error.ts'
import { printable } from '../../base/units.ts'
import type { Io } from './io.ts'

const chunkBytes = 64 * 1024
/** Longest wait for a writer to a named pipe, and the pause between two reads, in milliseconds. */
const writersMs = 5000
const restMs = 20

/**
 * The text of a file of the caller's, of at most so many bytes: no more is read, be it a file, a pipe or a device. '-'
 * is stdin, by its descriptor, as it may be a socket, which cannot be opened by name. A byte order mark is left out.
 */
export function readBounded(path: string, maxBytes: number): string {
  const isStdin = path === '-' || path === '/dev/stdin'
  // Non-blocking: a named pipe without a writer would be waited for without a word.
  const fd = isStdin ? 0 : openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY)
  try {
    const about = fstatSync(fd)
    if (about.isFile() && about.size > maxBytes) throw tooLarge(path, maxBytes)
    return decoded(path, Buffer.concat(readChunks(fd, path, maxBytes, about.isFIFO() && !isStdin)))
  } finally {
    if (!isStdin) closeSync(fd)
  }
}

function readChunks(fd: number, path: string, maxBytes: number, isNamedPipe: boolean): Buffer[] {
  const chunks: Buffer[] = []
  const began = performance.now()
  for (let total = 0; ; ) {
    const chunk = Buffer.alloc(chunkBytes)
    const bytes = readSome(fd, chunk)
    if (bytes === null || (bytes === 0 && isNamedPipe && total === 0)) {
      if (bytes === 0 && performance.now() - began > writersMs) {
        throw new VfioError('TIMED_OUT', `nobody has written to the pipe ${printable(path)} in ${writersMs / 1000} s`, {
          path,
        })
      }
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, restMs)
      continue
    }
    if (bytes === 0) return chunks
    total += bytes
    if (total > maxBytes) throw tooLarge(path, maxBytes)
    chunks.push(chunk.subarray(0, bytes))
  }
}

/** Null if there is nothing yet. */
function readSome(fd: number, into: Buffer): number | null {
  try {
    return readSync(fd, into)
  } catch (error) {
    if (failedWith(error, 'EAGAIN')) return null
    throw error
  }
}

function decoded(path: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new VfioError('INVALID_ARGUMENT', `${printable(path)} is not text in UTF-8`, { path, cause })
  }
}

function tooLarge(path: string, maxBytes: number): VfioError {
  return new VfioError('INVALID_ARGUMENT', `${printable(path)} has more than ${maxBytes} bytes`, { path })
}

/** The text of a file of the caller's own; `name` is how the command line says it. */
export function readCallersFile(path: string, name: string, io: Io, maxBytes?: number): string {
  try {
    return io.readFile(path, maxBytes)
  } catch (cause) {
    if (cause instanceof VfioError) throw cause
    const code = failedWith(cause, 'ENOENT')
      ? 'NOT_FOUND'
      : failedWith(cause, 'EACCES')
        ? 'PERMISSION_DENIED'
        : 'SYSTEM_CALL_FAILED'
    throw new VfioError(code, `cannot read ${name}: ${kernelAnswer(cause)}`, { cause, path })
  }
}
