import * as v from 'valibot'
import { checked } from '../../base/arguments.ts'
import { VfioError } from '../../base/errors.ts'
import type { IrqFlags, IrqInfo } from '../../uapi/irq.ts'
import type { Descriptor } from '../calls/descriptor.ts'
import type { ActiveIrqs } from './irq-active.ts'
import { IrqControl } from './irq-control.ts'
import { EnabledIrq } from './irq-enabled.ts'
import { type RequestedVector, requestedVectors } from './irq-request.ts'

/** Options for enabling an interrupt. */
export interface EnableOptions {
  /**
   * For an irq that masks itself at each event: unmask it whenever the next event is waited for, that is, when the last
   * one was dealt with. Off unless told.
   */
  readonly autoUnmask?: boolean
}

const enableOptions = v.optional(v.strictObject({ autoUnmask: v.optional(v.boolean()) }), {})

/**
 * An interrupt index of an open device: one kind of interrupt ('intx', 'msi', …) and how many vectors it has.
 *
 * - intx is a level: the device holds it until its driver has removed the cause. VFIO masks it at each event
 *   (`flags.automasked`), or the host would be flooded; unmasked while it is still held, it fires again at once. One
 *   that the device holds already when it is enabled may never come: quieten the device first.
 * - msi and msix are writes to memory, one for each event: none comes before the device may master the bus.
 * - err tells of an error on the bus, req that the kernel wants the device back (its driver is being unbound).
 */
export class Irq implements IrqInfo {
  readonly index: number
  readonly name: string
  /** Vectors in this index; 0 if the device has none of the kind. */
  readonly count: number
  readonly flags: IrqFlags
  readonly #device: Descriptor
  readonly #active: ActiveIrqs

  constructor(device: Descriptor, active: ActiveIrqs, { index, name, flags, count }: IrqInfo & { name: string }) {
    this.index = index
    this.name = name
    this.flags = flags
    this.count = count
    this.#device = device
    this.#active = active
  }

  /**
   * Has these vectors signal eventfds: of our own, or one that is given (`{ vector, eventfd }`), which is neither read
   * nor closed here. A PCI device has one of intx, msi and msix enabled at a time (DEVICE_BUSY names which).
   *
   * Throws NOT_SUPPORTED if the device has no such interrupt or too few vectors are to be had, OUT_OF_RANGE for a
   * vector it does not have, INVALID_ARGUMENT for a vector twice or what is no eventfd. Nothing is enabled then.
   */
  enable(vectors: readonly RequestedVector[], options?: EnableOptions): EnabledIrq {
    this.#device.checkOpen()
    if (this.count === 0 || !this.flags.eventfd) {
      throw new VfioError('NOT_SUPPORTED', `${this.#device.what} has no ${this.name} to enable`, {
        facts: { irq: this.name, count: this.count },
      })
    }
    const requests = requestedVectors('enable', this, vectors)
    const { autoUnmask = false } = checked('enable', enableOptions, options, 'its options')
    this.#active.check(this)
    const control = new IrqControl(this.#device, this, this.#active.isExclusive(this))
    return new EnabledIrq(this, control, this.#active, requests, { autoUnmask })
  }
}
