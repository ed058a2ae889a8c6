import { VfioError } from '../../base/errors.ts'
import { failedWith } from '../../base/system-error.ts'
import { counted } from '../../base/units.ts'
import { encodeIrqSet, type IrqInfo, type IrqSet } from '../../uapi/irq.ts'
import { request } from '../../uapi/requests.ts'
import type { Descriptor } from '../calls/descriptor.ts'
import { attempt, type Reasons } from '../calls/system-call.ts'
import { notAnEventfd, otherThanEventfd } from './given-eventfd.ts'

/** Calls to VFIO_DEVICE_SET_IRQS for one irq of a device, with what its refusals mean. */
export class IrqControl {
  readonly device: Descriptor
  /** For people: 'msi of 0000:00:03.0'. */
  readonly what: string
  readonly #irq: IrqInfo
  /** True if a PCI device has only one of several such irqs enabled at a time. */
  readonly #exclusive: boolean

  constructor(device: Descriptor, irq: IrqInfo & { readonly name: string }, exclusive: boolean) {
    this.device = device
    this.what = `${irq.name} of ${device.what}`
    this.#irq = irq
    this.#exclusive = exclusive
  }

  /** Ties the vectors from `start` on to these eventfds, -1 to none; `given` are those that are not our own. */
  assign(start: number, eventfds: readonly number[], given: readonly number[]): void {
    const available = this.#set(
      'enable',
      { start, count: eventfds.length, action: 'trigger', data: { eventfds } },
      {
        ...this.#eventfdReasons(given),
        EBUSY: () => ({
          code: 'DEVICE_BUSY',
          because: 'another driver has the interrupt line, and the device cannot share it',
          hint: 'cat /proc/interrupts',
        }),
        ENOSPC: () => ({ code: 'NOT_SUPPORTED', because: 'the host has no interrupt vectors left' }),
      },
    )
    if (available === 0) return
    // not an errno: the kernel says how many it could have had, and has enabled none
    throw new VfioError(
      'NOT_SUPPORTED',
      `cannot enable vectors up to ${start + eventfds.length - 1} of ${this.what}: only ${available} are to be had`,
      { hint: `enable at most ${counted(available, 'vector')}`, facts: { needed: start + eventfds.length, available } },
    )
  }

  unassign(vector: number): void {
    this.#quieten()
    this.#set(`take vector ${vector} from`, {
      start: vector,
      count: 1,
      action: 'trigger',
      data: { eventfds: [-1] },
    })
  }

  /** The whole irq. What is not enabled any more is disabled. */
  disable(): void {
    this.#quieten()
    try {
      this.#set('disable', { start: 0, count: 0, action: 'trigger', data: null })
    } catch (error) {
      if (!(error instanceof VfioError) || !failedWith(error.cause, 'EINVAL')) throw error
    }
  }

  mask(): void {
    this.#checkMaskable('mask')
    this.#set('mask', { start: 0, count: this.#irq.count, action: 'mask', data: null })
  }

  unmask(): void {
    this.#checkMaskable('unmask')
    this.#set('unmask', { start: 0, count: this.#irq.count, action: 'unmask', data: null })
  }

  /** A write to the eventfd unmasks; `isGiven` if it is not our own. */
  unmaskBy(eventfd: number, isGiven: boolean): void {
    this.#checkMaskable('unmask')
    this.#set(
      'unmask by eventfd',
      { start: 0, count: 1, action: 'unmask', data: { eventfds: [eventfd] } },
      {
        ...this.#eventfdReasons(isGiven ? [eventfd] : []),
        EBUSY: () => ({ code: 'DEVICE_BUSY', because: 'another eventfd does that' }),
      },
    )
  }

  trigger(vector: number): void {
    this.#set(`trigger vector ${vector} of`, { start: vector, count: 1, action: 'trigger', data: { bools: [true] } })
  }

  #set(verb: string, set: Omit<IrqSet, 'index'>, reasons: Reasons = {}): number {
    const bytes = encodeIrqSet({ ...set, index: this.#irq.index })
    return attempt(`${verb} ${this.what}`, () => this.device.ioctl(request.VFIO_DEVICE_SET_IRQS, bytes), {
      ENOTTY: () => ({ code: 'NOT_SUPPORTED', because: "the device's driver does not do that" }),
      ...reasons,
    })
  }

  /**
   * A level that a device holds while nobody handles it floods the host, and costs whoever shares the line theirs: the
   * device is told to let go first. Enabling unmasks it again.
   */
  #quieten(): void {
    if (!this.#irq.flags.automasked || !this.#irq.flags.maskable) return
    try {
      this.mask()
    } catch {
      // what cannot be masked is disabled all the same
    }
  }

  #checkMaskable(verb: string): void {
    if (this.#irq.flags.maskable) return
    throw new VfioError('NOT_SUPPORTED', `cannot ${verb} ${this.what}: it cannot be masked`)
  }

  #eventfdReasons(given: readonly number[]): Reasons {
    const other = () => otherThanEventfd(this.device, given)
    return {
      ...(given.length > 0 ? { EBADF: () => notAnEventfd(other(), given) } : {}),
      EINVAL: () => {
        const fd = other()
        if (fd !== null) return notAnEventfd(fd, given)
        const [code, because] = this.#exclusive
          ? (['DEVICE_BUSY', 'whoever else has the device open may have another kind of interrupt enabled'] as const)
          : (['SYSTEM_CALL_FAILED', 'its driver refuses that'] as const)
        return { code, because }
      },
    }
  }
}
