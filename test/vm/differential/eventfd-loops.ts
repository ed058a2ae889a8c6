import { irqSetFlag } from '../../../src/uapi/irq.ts'
import type { On, Struct } from './call.ts'

const { VFIO_IRQ_SET_ACTION_TRIGGER, VFIO_IRQ_SET_ACTION_UNMASK, VFIO_IRQ_SET_DATA_EVENTFD } = irqSetFlag

/** Eventfds that were to be signalled by an interrupt, and those that were to unmask one. */
export class EventfdLoops {
  readonly #signalled = new Set<number>()
  readonly #unmasking = new Set<number>()

  /** The reason why this VFIO_DEVICE_SET_IRQS is left out, or null. */
  whyLeftOut(argument: Struct | number | null, fdOf: (on: On) => number): string | null {
    if (typeof argument !== 'object' || argument === null) return null
    const flags = Buffer.from(argument.bytes, 'hex').readUInt32LE(4)
    if ((flags & VFIO_IRQ_SET_DATA_EVENTFD) === 0) return null
    const fds = argument.fds.map(({ fd }) => fdOf(fd))
    const unmasks = (flags & VFIO_IRQ_SET_ACTION_UNMASK) !== 0
    const others = unmasks ? this.#signalled : this.#unmasking
    if (fds.some((fd) => others.has(fd))) return 'an interrupt that unmasks itself has no end'
    if (unmasks) for (const fd of fds) this.#unmasking.add(fd)
    else if ((flags & VFIO_IRQ_SET_ACTION_TRIGGER) !== 0) for (const fd of fds) this.#signalled.add(fd)
    return null
  }
}
