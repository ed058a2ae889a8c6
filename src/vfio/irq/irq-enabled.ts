import * as v from 'valibot'
import { checked } from '../../base/arguments.ts'
import { VfioError } from '../../base/errors.ts'
import { shown } from '../../base/units.ts'
import type { IrqInfo } from '../../uapi/irq.ts'
import { closeInOrder, orClose } from '../calls/close-in-order.ts'
import { attempt } from '../calls/system-call.ts'
import type { ActiveIrqs } from './irq-active.ts'
import type { IrqControl } from './irq-control.ts'
import type { IrqEvents } from './irq-events.ts'
import { isDescriptor, type RequestedVector, requestedVectors } from './irq-request.ts'
import { IrqVector, type VectorRequest } from './irq-vector.ts'
import type { IrqEvent } from './irq-waiters.ts'
import { type EventsOptions, IrqWaiting, type WaitOptions, type WaitSyncOptions } from './irq-waiting.ts'

/** An interrupt index, as its device describes it: 'msix' with so many vectors. */
export interface NamedIrq extends IrqInfo {
  readonly name: string
}

/**
 * Vectors of one irq that signal eventfds, until closed; closing the device closes it first. What was not waited for by
 * then is lost.
 */
export class EnabledIrq implements Disposable, AsyncDisposable {
  readonly irq: NamedIrq
  readonly #control: IrqControl
  readonly #active: ActiveIrqs
  readonly #waiting: IrqWaiting
  /** The number of vectors that the kernel set up at first: there will be no more if the irq cannot be resized. */
  readonly #span: number
  #resample: { readonly eventfd: number; readonly owned: boolean } | null = null
  #masked = false
  #closed = false

  /** Enables: `Irq.enable` is what makes one. */
  constructor(
    irq: NamedIrq,
    control: IrqControl,
    active: ActiveIrqs,
    requests: readonly VectorRequest[],
    { autoUnmask }: { readonly autoUnmask: boolean },
  ) {
    this.irq = irq
    this.#control = control
    this.#active = active
    this.#waiting = new IrqWaiting(control.device.kernel, control.what, {
      beforeWait: () => {
        if (autoUnmask && this.#masked) this.unmask()
      },
      onEvent: () => {
        this.#masked = irq.flags.automasked
      },
    })
    this.#span = Math.max(...requests.map(({ vector }) => vector)) + 1
    // in one call, which is what the kernel sets vectors up by
    this.#assign(requests, [{ start: 0, count: this.#span }])
    active.begin(irq)
    control.device.hold(this)
  }

  /** The vectors that are enabled: none once closed. */
  get vectors(): readonly number[] {
    if (this.#closed) return []
    return this.#waiting.vectors.map(({ vector }) => vector).sort((a, b) => a - b)
  }

  /** True once the interrupt is disabled. */
  get closed(): boolean {
    return this.#closed
  }

  /**
   * The eventfd of a vector, to hand to whoever else shall wait for it (another thread, KVM). It stays this set's to
   * close. Each event is read by one reader only: who hands it on does not wait for that vector here.
   */
  eventfd(vector: number): number {
    return this.#waiting.find(vector).eventfd
  }

  /**
   * Enables more vectors, or none of them if one fails. If the kernel sets up an irq's vectors as one
   * (`flags.noresize`: MSI always, MSI-X before Linux 6.5), one above the highest that was enabled at first is
   * NOT_SUPPORTED.
   */
  add(vectors: readonly RequestedVector[]): void {
    this.#checkOpen()
    const requests = requestedVectors('add', this.irq, vectors)
    for (const { vector } of requests) {
      if (this.#waiting.has(vector)) {
        throw new VfioError('INVALID_ARGUMENT', `vector ${vector} of ${this.#control.what} is enabled already`)
      }
      if (this.irq.flags.noresize && vector >= this.#span) {
        throw new VfioError(
          'NOT_SUPPORTED',
          `cannot add vector ${vector} to ${this.#control.what}: this kernel sets up its vectors all at once`,
          {
            hint: 'close it, and enable all the vectors together',
            facts: { irq: this.irq.name, vector, enabled: this.vectors, vectors: this.#span },
          },
        )
      }
    }
    this.#assign(
      requests,
      requests.map(({ vector }) => ({ start: vector, count: 1 })),
    )
    // it was masked when its only vector was removed
    if (this.irq.flags.automasked) this.unmask()
  }

  /** These vectors signal nothing more, and their eventfds are closed; the rest goes on. */
  remove(vectors: readonly number[]): void {
    this.#checkOpen()
    const numbers = checked('remove', v.array(v.number()), vectors, 'its vectors')
    for (const vector of numbers.map((one) => this.#waiting.find(one))) {
      this.#control.unassign(vector.vector)
      this.#waiting.remove(vector)
      vector.close()
    }
  }

  /** Holds back what comes, until unmasked. NOT_SUPPORTED if `flags.maskable` is not set. */
  mask(): void {
    this.#checkOpen()
    this.#control.mask()
  }

  /** Lets events through again, after `mask` or after an event of an irq that masks itself. */
  unmask(): void {
    this.#checkOpen()
    this.#control.unmask()
    this.#masked = false
  }

  /**
   * An eventfd that unmasks this irq when it is written to, as a hypervisor's resample eventfd does: one of our own, or
   * the one given, which is not closed here. NOT_SUPPORTED if the device's driver has no such thing, as most mediated
   * drivers.
   */
  resampleEventfd(given?: number): number {
    this.#checkOpen()
    if (given !== undefined && !isDescriptor(given)) {
      throw new VfioError('INVALID_ARGUMENT', `${shown(given)} is not a file descriptor`)
    }
    const there = this.#resample?.eventfd
    if (there !== undefined && (given ?? there) === there) return there
    const { kernel } = this.#control.device
    const eventfd = given ?? attempt(`make an eventfd to unmask ${this.#control.what}`, () => kernel.eventfd())
    const owned = given === undefined
    orClose(owned ? [{ close: () => kernel.close(eventfd) }] : [], () => this.#control.unmaskBy(eventfd, !owned))
    this.#resample = { eventfd, owned }
    return eventfd
  }

  /** Signals a vector's eventfd as if the device had, for tests: VFIO's loopback, of which the device knows nothing. */
  trigger(vector: number): void {
    this.#control.trigger(this.#waiting.find(vector).vector)
  }

  /**
   * Events as they come, of one vector or of all: `for await (const { vector, count } of enabled.events())`. Ends when
   * the set is closed; rejects with the signal's reason when that is aborted. What comes while nobody waits is counted
   * by the kernel, and told as one event.
   */
  events(options?: EventsOptions): IrqEvents {
    return this.#waiting.events(options)
  }

  /** The next event. Rejects with INTERRUPT_TIMEOUT, with CLOSED, or with the signal's reason. */
  next(options?: WaitOptions): Promise<IrqEvent> {
    return this.#waiting.next(options)
  }

  /**
   * The next event, without Node's event loop: this thread does nothing else meanwhile. The fastest way, for a thread
   * of its own. Throws INTERRUPT_TIMEOUT; on the mock, where no other thread could bring an event about, at once.
   */
  waitSync(options: WaitSyncOptions): IrqEvent {
    return this.#waiting.waitSync(options)
  }

  /** Tells those who wait, disables the irq, closes the eventfds. Idempotent; goes on to the end if a step fails. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#active.end(this.irq)
    const { device } = this.#control
    device.release(this)
    const resample = this.#resample
    closeInOrder([
      this.#waiting,
      { close: () => this.#control.disable() },
      ...this.#waiting.vectors,
      { close: () => resample?.owned === true && device.kernel.close(resample.eventfd) },
    ])
  }

  [Symbol.dispose](): void {
    this.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close()
  }

  /** One call for each range, in which what is not asked for gets no eventfd. All of it, or nothing. */
  #assign(requests: readonly VectorRequest[], ranges: readonly { start: number; count: number }[]): void {
    const { device, what } = this.#control
    const vectors = new Map<number, IrqVector>()
    const assigned: { close(): void }[] = []
    const undo = { close: () => closeInOrder([...assigned, ...vectors.values()]) }
    orClose([undo], () => {
      for (const request of requests) {
        vectors.set(request.vector, new IrqVector(device.kernel, `vector ${request.vector} of ${what}`, request))
      }
      const given = requests.map(({ eventfd }) => eventfd).filter((eventfd) => eventfd !== null)
      for (const { start, count } of ranges) {
        const eventfds = Array.from({ length: count }, (_, i) => vectors.get(start + i)?.eventfd ?? -1)
        this.#control.assign(start, eventfds, given)
        assigned.push({ close: () => this.#control.unassign(start) })
      }
    })
    for (const vector of vectors.values()) this.#waiting.add(vector)
  }

  #checkOpen(): void {
    if (this.#closed) throw new VfioError('CLOSED', `${this.#control.what} is disabled`)
  }
}
