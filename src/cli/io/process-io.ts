import { fstatSync, writeSync } from 'node:fs'
import { resolve } from 'node:path'
import { styleText } from 'node:util'
import { isSystemError } from '../../kernel/system-error.ts'
import type { Io } from './io.ts'
import { readBounded } from './read-bounded.ts'

/**
 * The real process. Output goes straight to the descriptor: `process.stdout` alone costs a tenth of a short command's
 * time, and an asynchronous write could be lost where the process ends.
 */
export function processIo(): Io {
  const reader = new AbortController()
  return {
    out: (text) => writeAll(1, text, () => reader.abort()),
    err: (text) => writeAll(2, text, () => {}),
    paint: (stream, style, text) =>
      isTerminal(stream === 'out' ? 1 : 2)
        ? styleText(style, text, { stream: stream === 'out' ? process.stdout : process.stderr })
        : text,
    readFile: (path, mostBytes = 16 * 1024 * 1024) => readBounded(path, mostBytes),
    interruption,
    readerGone: reader.signal,
    program: [process.execPath, resolve(process.argv[1] ?? '')],
    caller: process.ppid,
    env: process.env,
  }
}

function interruption(): AbortSignal {
  const interrupted = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort())
  return interrupted.signal
}

/** A reader that is gone (`vfioctl list | head`) is no failure: what is left is dropped. */
function writeAll(fd: 1 | 2, text: string | Uint8Array, onGone: () => void): void {
  let rest = typeof text === 'string' ? Buffer.from(text) : text
  try {
    while (rest.length > 0) rest = rest.subarray(writeSync(fd, rest))
  } catch (error) {
    if (!isSystemError(error)) throw error
    if (error.code === 'EPIPE') {
      onGone()
      return
    }
    if (error.code !== 'EAGAIN') throw error
    // Another process made this pipe non-blocking and it is full: the event loop waits for room.
    const stream = fd === 1 ? process.stdout : process.stderr
    stream.on('error', onGone)
    stream.write(rest)
  }
}

function isTerminal(fd: 1 | 2): boolean {
  try {
    return fstatSync(fd).isCharacterDevice()
  } catch {
    return false
  }
}
