import { kernelOrder } from '../../base/byte-order.ts'
import { irqInfoFlag, irqSetFlag } from '../../uapi/irq.ts'
import { Errno } from '../base/errno.ts'
import type { EventSink, IrqDescription, IrqSetRequest } from './device-model.ts'
import { IntxLine } from './intx-line.ts'

const { VFIO_IRQ_INFO_EVENTFD, VFIO_IRQ_INFO_MASKABLE, VFIO_IRQ_INFO_AUTOMASKED, VFIO_IRQ_INFO_NORESIZE } = irqInfoFlag
const { VFIO_IRQ_SET_DATA_NONE, VFIO_IRQ_SET_DATA_EVENTFD } = irqSetFlag
const { VFIO_IRQ_SET_ACTION_MASK, VFIO_IRQ_SET_ACTION_UNMASK, VFIO_IRQ_SET_ACTION_TRIGGER } = irqSetFlag
const actions = VFIO_IRQ_SET_ACTION_MASK | VFIO_IRQ_SET_ACTION_UNMASK | VFIO_IRQ_SET_ACTION_TRIGGER

/** One interrupt index of a device model. */
export interface ModelIrq {
  readonly info: IrqDescription
  /** Someone listens: a driver uses it to tell which way its interrupts are to go. */
  readonly isEnabled: boolean
  /** VFIO_DEVICE_SET_IRQS, whose flags, start and count have been checked. */
  set(request: IrqSetRequest): void
  /** The device raises it, whether or not someone listens. */
  raise(vector?: number): void
  /** Called at each raise, listened to or not. */
  onRaise: (vector: number) => void
  /** Unties whoever listens, as when the last user is gone. */
  disable(): void
}

/** Interrupts that are events: MSI, MSI-X, err, req. Each vector that has an eventfd signals it once for each raise. */
export class MessageIrq implements ModelIrq {
  readonly info: IrqDescription
  onRaise: (vector: number) => void = () => {}
  readonly #sinks = new Map<number, EventSink>()

  constructor(vectors = 1) {
    this.info = { flags: VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_NORESIZE, count: vectors }
  }

  /** True while an eventfd listens to a vector. */
  get isEnabled(): boolean {
    return this.#sinks.size > 0
  }

  /** Signals the eventfd of a vector, if it has one. */
  raise(vector = 0): void {
    this.onRaise(vector)
    this.#sinks.get(vector)?.signal()
  }

  /**
   * Carries out a VFIO_DEVICE_SET_IRQS whose flags, start and count have been checked; EINVAL and ENOTTY as vfio-pci's.
   */
  set(request: IrqSetRequest): void {
    const { flags, start, count } = request
    if ((flags & actions) !== VFIO_IRQ_SET_ACTION_TRIGGER) throw new Errno('ENOTTY')
    if ((flags & VFIO_IRQ_SET_DATA_EVENTFD) !== 0) this.#tie(start, eventfdsOf(request))
    else if (count === 0) this.disable()
    else {
      for (let nth = 0; nth < count; nth++) if (isTriggered(request, nth)) this.#sinks.get(start + nth)?.signal()
    }
  }

  /** Unties the eventfds of all vectors. */
  disable(): void {
    this.#sinks.clear()
  }

  #tie(start: number, sinks: readonly (EventSink | null)[]): void {
    for (const [nth, sink] of sinks.entries()) {
      if (sink === null) this.#sinks.delete(start + nth)
      else this.#sinks.set(start + nth, sink)
    }
  }
}

/**
 * INTx: a level. It masks itself whenever it has signalled, and signals again when it is unmasked and still asserted.
 */
export class LineIrq implements ModelIrq {
  readonly info: IrqDescription = {
    flags: VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_MASKABLE | VFIO_IRQ_INFO_AUTOMASKED,
    count: 1,
  }
  onRaise: (vector: number) => void = () => {}
  readonly #line = new IntxLine(() => false)

  /** True while an eventfd listens to the line. */
  get isEnabled(): boolean {
    return this.#line.isEnabled
  }

  /** Asserts the line, until `lower`. */
  raise(): void {
    this.onRaise(0)
    this.#line.level = true
  }

  /** Ends the level that `raise` asserted. */
  lower(): void {
    this.#line.level = false
  }

  /**
   * Carries out a VFIO_DEVICE_SET_IRQS whose flags, start and count have been checked; EINVAL and ENOTTY as vfio-pci's.
   */
  set(request: IrqSetRequest): void {
    const { flags, count } = request
    const isEventfd = (flags & VFIO_IRQ_SET_DATA_EVENTFD) !== 0
    const action = flags & actions
    if (action === VFIO_IRQ_SET_ACTION_TRIGGER) {
      if (isEventfd && count === 1) this.#line.enable(eventfdsOf(request)[0] ?? null)
      else if (count === 0 && (flags & VFIO_IRQ_SET_DATA_NONE) !== 0) this.disable()
      else if (!this.isEnabled) throw new Errno('EINVAL')
      else if (isTriggered(request, 0)) this.#line.loopBack()
      return
    }
    if (action !== VFIO_IRQ_SET_ACTION_MASK && action !== VFIO_IRQ_SET_ACTION_UNMASK) throw new Errno('ENOTTY')
    if (!this.isEnabled || count !== 1) throw new Errno('EINVAL')
    const isMask = action === VFIO_IRQ_SET_ACTION_MASK
    if (isEventfd && isMask) throw new Errno('ENOTTY')
    if (isEventfd) this.#line.unmaskBy(eventfdsOf(request)[0] ?? null)
    else if (isTriggered(request, 0)) this.#line.setMasked(isMask)
  }

  /** Unties the eventfds of the line. */
  disable(): void {
    this.#line.disable()
  }
}

/** The eventfds of a request, one per vector; null if a negative number unties it. Looks them up one by one. */
export function* eachEventfd({ data, count, eventfd }: IrqSetRequest): Generator<EventSink | null> {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
  for (let vector = 0; vector < count; vector++) {
    const fd = view.getInt32(4 * vector, kernelOrder)
    yield fd < 0 ? null : eventfd(fd)
  }
}

/** The eventfds of a request to set interrupts; null for those to take away. */
export function eventfdsOf(set: IrqSetRequest): (EventSink | null)[] {
  return [...eachEventfd(set)]
}

/** True if a request without eventfds is about its nth vector: all, or those whose byte is not 0. */
export function isTriggered({ flags, data }: IrqSetRequest, nth: number): boolean {
  return (flags & irqSetFlag.VFIO_IRQ_SET_DATA_NONE) !== 0 || data[nth] !== 0
}
