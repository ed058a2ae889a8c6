import type { Kernel, Watch } from '../../kernel/kernel.ts'
import { attempt } from '../calls/system-call.ts'
import type { IrqVector } from './irq-vector.ts'

/** `count` interrupts of one vector that came since the last event of it. */
export interface IrqEvent {
  readonly vector: number
  readonly count: number
}

/** A waiter for the next event: it gets exactly one of these calls. */
export interface IrqWaiter {
  /** The vector it waits for; null for any. */
  readonly vector: number | null
  onEvent(event: IrqEvent): void
  onError(error: unknown): void
  /** The vector that it waits for, or the irq, was closed. */
  onEnd(): void
}

/**
 * Those who wait on Node's event loop for vectors of one enabled irq. An event goes to one of them, the first who came.
 *
 * What nobody waits for stays in its eventfd, which counts it: nothing is lost and nothing piles up in memory. The
 * process is kept alive for as long as someone waits.
 */
export class IrqWaiters {
  readonly #kernel: Kernel
  readonly #onEvent: () => void
  readonly #waiters = new Set<IrqWaiter>()
  readonly #watches = new Map<IrqVector, Watch>()

  /** `onEvent` is called before each event is handed over. */
  constructor(kernel: Kernel, onEvent: () => void) {
    this.#kernel = kernel
    this.#onEvent = onEvent
  }

  /** `vectors` are those that it waits for. */
  add(waiter: IrqWaiter, vectors: Iterable<IrqVector>): void {
    for (const vector of vectors) if (!this.#watches.has(vector)) this.#watch(vector)
    this.#waiters.add(waiter)
    if (this.#waiters.size === 1) for (const watch of this.#watches.values()) watch.ref()
  }

  /** True if it waited: it is told nothing more. */
  remove(waiter: IrqWaiter): boolean {
    const waited = this.#waiters.delete(waiter)
    if (waited && this.#waiters.size === 0) for (const watch of this.#watches.values()) watch.unref()
    return waited
  }

  /** A vector comes to those who wait for any. */
  addVector(vector: IrqVector): void {
    for (const waiter of this.#waiters) {
      if (waiter.vector !== null) continue
      this.#watch(vector)
      return
    }
  }

  /** Before its eventfd is closed: ends those who wait for it alone. */
  removeVector(vector: IrqVector): void {
    this.#unwatch(vector)
    for (const waiter of [...this.#waiters]) {
      if (waiter.vector === vector.vector && this.remove(waiter)) waiter.onEnd()
    }
  }

  close(): void {
    for (const vector of [...this.#watches.keys()]) this.#unwatch(vector)
    const waiters = [...this.#waiters]
    this.#waiters.clear()
    for (const waiter of waiters) waiter.onEnd()
  }

  #watch(vector: IrqVector): void {
    const { eventfd, what } = vector
    const watch = attempt(`watch the eventfd of ${what}`, () =>
      this.#kernel.watch(eventfd, () => this.#readable(vector)),
    )
    if (this.#waiters.size === 0) watch.unref()
    this.#watches.set(vector, watch)
  }

  #unwatch(vector: IrqVector): void {
    this.#watches.get(vector)?.close()
    this.#watches.delete(vector)
  }

  #readable(vector: IrqVector): void {
    const waiter = this.#firstFor(vector)
    if (waiter === null) {
      this.#unwatch(vector)
      return
    }
    try {
      const count = vector.take()
      // whoever else was given the eventfd may have been faster
      if (count === 0) return
      this.remove(waiter)
      this.#onEvent()
      waiter.onEvent({ vector: vector.vector, count })
    } catch (error) {
      this.remove(waiter)
      waiter.onError(error)
    }
  }

  #firstFor({ vector }: IrqVector): IrqWaiter | null {
    for (const waiter of this.#waiters) if (waiter.vector === null || waiter.vector === vector) return waiter
    return null
  }
}
