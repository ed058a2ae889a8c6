import type { Kernel } from '../kernel/kernel.ts'
import { onDeviceEvents } from './on-device-events.ts'

/** The interval between looks at the host, in milliseconds. */
const intervals = { pollInterval: 100, safetyInterval: 1000 }

interface Waiter {
  readonly isThere: () => boolean
  readonly done: (isThere: boolean) => void
  readonly failed: (error: unknown) => void
}

/**
 * Waits for things of the host to appear: looks for them after each device event, until one deadline for all. The host
 * is looked at now and then all the same, as events can be lost.
 */
export class Arrivals {
  readonly #kernel: Kernel
  /** Not by the clock on the wall, which is set while a host boots. */
  readonly #until: number
  readonly #signal: AbortSignal | undefined
  readonly #waiters = new Set<Waiter>()
  #stop: (() => Promise<void>) | null = null

  constructor(kernel: Kernel, timeoutMs: number, signal?: AbortSignal) {
    this.#kernel = kernel
    this.#until = performance.now() + timeoutMs
    this.#signal = signal
  }

  /** True if it came in time. Rejects with what `isThere` throws. */
  until(isThere: () => boolean): Promise<boolean> {
    return new Promise((done, failed) => {
      const waiter = { isThere, done, failed }
      this.#waiters.add(waiter)
      this.#stop ??= this.#start()
      // the others have been looked for
      this.#lookFor(waiter)
    })
  }

  async close(): Promise<void> {
    const stop = this.#stop
    this.#stop = null
    await stop?.()
  }

  #start(): () => Promise<void> {
    const look = () => this.#look()
    const end = onDeviceEvents(this.#kernel, look, intervals)
    const deadline = setTimeout(look, Math.ceil(this.#until - performance.now()))
    this.#signal?.addEventListener('abort', look)
    return () => {
      clearTimeout(deadline)
      this.#signal?.removeEventListener('abort', look)
      return end()
    }
  }

  #look(): void {
    for (const waiter of this.#waiters) this.#lookFor(waiter)
  }

  #lookFor(waiter: Waiter): void {
    const isOver = performance.now() >= this.#until || this.#signal?.aborted === true
    try {
      const isThere = waiter.isThere()
      if (!isThere && !isOver) return
      waiter.done(isThere)
    } catch (error) {
      waiter.failed(error)
    }
    this.#waiters.delete(waiter)
  }
}
