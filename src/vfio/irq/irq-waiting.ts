import * as v from 'valibot'
import { checked, signal } from '../../base/arguments.ts'
import { VfioError } from '../../base/errors.ts'
import { shown } from '../../base/units.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { callFailed } from '../calls/system-call.ts'
import { IrqEvents } from './irq-events.ts'
import type { IrqVector } from './irq-vector.ts'
import { type IrqEvent, type IrqWaiter, IrqWaiters } from './irq-waiters.ts'

/** The events to wait for, and what ends the wait. */
export interface EventsOptions {
  /** Events of this vector alone; of any unless told. */
  readonly vector?: number
  readonly signal?: AbortSignal
}

/** The event to wait for, and the longest wait. */
export interface WaitOptions extends EventsOptions {
  /** At most this long, in milliseconds; for ever unless told. */
  readonly timeoutMs?: number
}

/** The event to wait for while the thread is blocked, and the longest wait. */
export interface WaitSyncOptions {
  /** Milliseconds, as nothing else can end the wait. */
  readonly timeoutMs: number
  readonly vector?: number
}

const whichEvents = { vector: v.optional(v.number()), signal: v.optional(signal) }
const eventsOptions = v.optional(v.strictObject(whichEvents), {})
const waitOptions = v.optional(v.strictObject({ ...whichEvents, timeoutMs: v.optional(v.number()) }), {})
const waitSyncOptions = v.strictObject({ timeoutMs: v.number(), vector: v.optional(v.number()) })

interface Polled {
  readonly vectors: readonly IrqVector[]
  readonly eventfds: Int32Array
  /** The vector at which the next look begins, so that a busy one leaves the others their turn. */
  first: number
}

/** Waits for the vectors of one enabled irq: on the event loop, or blocking the thread. */
export class IrqWaiting {
  readonly #kernel: Kernel
  readonly #what: string
  readonly #beforeWait: () => void
  readonly #onEvent: () => void
  readonly #waiters: IrqWaiters
  readonly #vectors = new Map<number, IrqVector>()
  /** By the vector that is waited for; null for any. */
  readonly #polled = new Map<number | null, Polled>()
  readonly #counter = new Float64Array(1)
  #closed = false

  /** `beforeWait` is called whenever someone begins to wait, `onEvent` before an event is handed over. */
  constructor(kernel: Kernel, what: string, hooks: { beforeWait: () => void; onEvent: () => void }) {
    this.#kernel = kernel
    this.#what = what
    this.#beforeWait = hooks.beforeWait
    this.#onEvent = hooks.onEvent
    this.#waiters = new IrqWaiters(kernel, hooks.onEvent)
  }

  get vectors(): readonly IrqVector[] {
    return [...this.#vectors.values()]
  }

  has(vector: number): boolean {
    return this.#vectors.has(vector)
  }

  /** Throws CLOSED; NOT_FOUND with the vectors that are enabled. */
  find(vector: number): IrqVector {
    this.#checkOpen()
    const found = this.#vectors.get(vector)
    if (found !== undefined) return found
    if (typeof vector !== 'number') throw new VfioError('INVALID_ARGUMENT', `${shown(vector)} is not a vector`)
    const enabled = [...this.#vectors.keys()]
    throw new VfioError(
      'NOT_FOUND',
      `vector ${vector} of ${this.#what} is not enabled; ${enabled.join(', ') || 'none'} is`,
      { facts: { vector, enabled } },
    )
  }

  add(vector: IrqVector): void {
    this.#vectors.set(vector.vector, vector)
    this.#polled.clear()
    if (vector.owned) this.#waiters.addVector(vector)
  }

  /** Before its eventfd is closed. */
  remove(vector: IrqVector): void {
    this.#vectors.delete(vector.vector)
    this.#polled.clear()
    this.#waiters.removeVector(vector)
  }

  events(options?: EventsOptions): IrqEvents {
    const { vector, signal } = checked('events', eventsOptions, options, 'its options')
    this.#readable(vector ?? null)
    const source = {
      wait: (waiter: IrqWaiter) => (this.#isGone(waiter) ? waiter.onEnd() : this.#wait(waiter)),
      cancel: (waiter: IrqWaiter) => this.#waiters.remove(waiter),
    }
    return new IrqEvents(source, vector ?? null, signal ?? null)
  }

  next(options?: WaitOptions): Promise<IrqEvent> {
    return new Promise((resolve, reject) => {
      const { vector, signal, timeoutMs } = checked('next', waitOptions, options, 'its options')
      if (timeoutMs !== undefined) checkTimeout(timeoutMs)
      signal?.throwIfAborted()
      const settle = () => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', onAbort)
      }
      const waiter: IrqWaiter = {
        vector: vector ?? null,
        onEvent: (event) => {
          settle()
          resolve(event)
        },
        onError: (error) => {
          settle()
          reject(error)
        },
        onEnd: () => {
          settle()
          reject(this.#closedError())
        },
      }
      const stop = (reason: unknown) => {
        if (this.#waiters.remove(waiter)) waiter.onError(reason)
      }
      const onAbort = () => stop(signal?.reason)
      this.#wait(waiter)
      signal?.addEventListener('abort', onAbort)
      const timer =
        timeoutMs === undefined ? undefined : setTimeout(() => stop(this.#timeout(waiter.vector, timeoutMs)), timeoutMs)
    })
  }

  waitSync(options: WaitSyncOptions): IrqEvent {
    const { timeoutMs, vector = null } = checked('waitSync', waitSyncOptions, options, 'its options')
    checkTimeout(timeoutMs)
    const polled = this.#polled.get(vector) ?? this.#toPoll(vector)
    this.#beforeWait()
    const at = this.#waitFor(polled, timeoutMs)
    const signalled = polled.vectors[at]
    if (signalled === undefined) throw this.#timeout(vector, timeoutMs)
    polled.first = at + 1
    this.#onEvent()
    return { vector: signalled.vector, count: this.#counter[0] ?? 0 }
  }

  /** Those who wait are told. */
  close(): void {
    this.#closed = true
    this.#polled.clear()
    this.#waiters.close()
  }

  #wait(waiter: IrqWaiter): void {
    const vectors = this.#readable(waiter.vector)
    this.#beforeWait()
    this.#waiters.add(waiter, vectors)
  }

  #isGone({ vector }: IrqWaiter): boolean {
    return this.#closed || (vector !== null && !this.has(vector))
  }

  /** The index of the one that was signalled. */
  #waitFor({ eventfds, first }: Polled, timeoutMs: number): number {
    try {
      return this.#kernel.waitForEventfd(eventfds, first, timeoutMs, this.#counter)
    } catch (error) {
      throw callFailed(`wait for ${this.#what}`, error)
    }
  }

  #toPoll(vector: number | null): Polled {
    const vectors = this.#readable(vector)
    const polled = { vectors, eventfds: Int32Array.from(vectors, ({ eventfd }) => eventfd), first: 0 }
    this.#polled.set(vector, polled)
    return polled
  }

  /** The vectors whose events are ours to read. */
  #readable(vector: number | null): readonly IrqVector[] {
    const vectors = (vector === null ? this.vectors : [this.find(vector)]).filter(({ owned }) => owned)
    this.#checkOpen()
    if (vectors.length > 0) return vectors
    throw new VfioError(
      'INVALID_ARGUMENT',
      this.#vectors.size === 0
        ? `no vector of ${this.#what} is enabled any more`
        : `the events of ${this.#what} are for whoever gave the eventfd to wait for`,
    )
  }

  #checkOpen(): void {
    if (this.#closed) throw this.#closedError()
  }

  #closedError(): VfioError {
    return new VfioError('CLOSED', `${this.#what} is disabled`, { facts: { closed: this.#what } })
  }

  #timeout(vector: number | null, timeoutMs: number): VfioError {
    const what = vector === null ? this.#what : `vector ${vector} of ${this.#what}`
    return new VfioError('INTERRUPT_TIMEOUT', `no interrupt came in ${timeoutMs} ms from ${what}`, {
      hint: 'MSI and MSI-X need the device to be bus master; INTx stays masked after an event until it is unmasked',
      facts: { vector, timeoutMs },
    })
  }
}

function checkTimeout(timeoutMs: number): void {
  if (Number.isInteger(timeoutMs) && timeoutMs >= 0 && timeoutMs < 2 ** 31) return
  throw new VfioError('INVALID_ARGUMENT', `${timeoutMs} is not a number of milliseconds to wait`, {
    facts: { timeoutMs },
  })
}
