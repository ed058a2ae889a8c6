import { writeSync } from 'node:fs'
import type { Writable } from 'node:stream'
import { failedWith, isSystemError } from '../../base/system-error.ts'

/**
 * stdout or stderr. Output goes straight to the descriptor: `process.stdout` alone costs a tenth of a short command's
 * time, and an asynchronous write could be lost if the process ends. What cannot be written never keeps a command from
 * its work: the rest is dropped, and `failure` says why.
 */
export class OutputStream {
  readonly #fd: 1 | 2
  readonly #onEnd: () => void
  /** Takes over if another process made the pipe non-blocking and it is full: the event loop waits for room. */
  #waiting: Writable | null = null
  #ended = false
  /** Error of a write; null if none failed, or if the reader just went (`vfioctl list | head`), which is no failure. */
  failure: unknown = null

  /** `onEnd` is called once nothing more can be written. */
  constructor(fd: 1 | 2, onEnd: () => void) {
    this.#fd = fd
    this.#onEnd = onEnd
  }

  write(bytes: Uint8Array): void {
    if (this.#ended) return
    if (this.#waiting !== null) {
      this.#waiting.write(bytes)
      return
    }
    let rest = bytes
    try {
      while (rest.length > 0) rest = rest.subarray(writeSync(this.#fd, rest))
    } catch (error) {
      if (!isSystemError(error)) throw error
      if (failedWith(error, 'EAGAIN')) this.#wait(rest)
      else this.#end(error)
    }
  }

  #wait(rest: Uint8Array): void {
    this.#waiting = this.#fd === 1 ? process.stdout : process.stderr
    this.#waiting.on('error', (error) => this.#end(error))
    this.#waiting.write(rest)
  }

  #end(error: unknown): void {
    this.#ended = true
    if (!failedWith(error, 'EPIPE')) this.failure ??= error
    this.#onEnd()
  }
}
