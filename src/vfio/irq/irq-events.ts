import type { IrqEvent, IrqWaiter } from './irq-waiters.ts'

/** The source of an iteration's events. */
export interface EventSource {
  /** Begins to wait for one event, or ends at once if what it waits for is closed; throws if that cannot be. */
  wait(waiter: IrqWaiter): void
  /** Stops waiting: false if it was told already. */
  cancel(waiter: IrqWaiter): boolean
}

/**
 * Events one after the other, each waited for when it is asked for. Ends when its irq is closed. An abort rejects with
 * the signal's reason: who waits then, or else who asks next, so that no loop ends as if all had come.
 */
export class IrqEvents implements AsyncIterableIterator<IrqEvent, undefined> {
  readonly #source: EventSource
  readonly #vector: number | null
  readonly #signal: AbortSignal | null
  readonly #waiting = new Set<IrqWaiter>()
  readonly #onAbort = () => {
    if (this.#waiting.size > 0) this.#stop((waiter) => waiter.onError(this.#signal?.reason))
  }
  #ended = false

  constructor(source: EventSource, vector: number | null, signal: AbortSignal | null) {
    this.#source = source
    this.#vector = vector
    this.#signal = signal
    signal?.addEventListener('abort', this.#onAbort)
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  /** The next event; `done` once the events have ended. Rejects as `EnabledIrq.events` says. */
  next(): Promise<IteratorResult<IrqEvent, undefined>> {
    return new Promise((resolve, reject) => {
      if (!this.#ended && this.#signal?.aborted === true) {
        this.#end()
        throw this.#signal.reason
      }
      if (this.#ended) {
        resolve({ done: true, value: undefined })
        return
      }
      const waiter: IrqWaiter = {
        vector: this.#vector,
        onEvent: (value) => {
          this.#waiting.delete(waiter)
          resolve({ done: false, value })
        },
        onError: (error) => {
          this.#end()
          reject(error)
        },
        onEnd: () => {
          this.#end()
          resolve({ done: true, value: undefined })
        },
      }
      this.#source.wait(waiter)
      this.#waiting.add(waiter)
    })
  }

  /** Ends what still waits. */
  async return(): Promise<IteratorResult<IrqEvent, undefined>> {
    this.#stop((waiter) => waiter.onEnd())
    return { done: true, value: undefined }
  }

  #stop(tell: (waiter: IrqWaiter) => void): void {
    this.#end()
    for (const waiter of this.#waiting) if (this.#source.cancel(waiter)) tell(waiter)
    this.#waiting.clear()
  }

  #end(): void {
    this.#ended = true
    this.#signal?.removeEventListener('abort', this.#onAbort)
  }
}
