import { kernelOrder } from '../../base/byte-order.ts'
import { irqInfoFlag, irqSetFlag } from '../../uapi/irq.ts'
import { Errno } from '../base/errno.ts'
import { checkIrqSet, type EventSink, type IrqDescription, type IrqSetRequest } from '../sdk/device-model.ts'

const { VFIO_IRQ_SET_ACTION_TRIGGER, VFIO_IRQ_SET_DATA_EVENTFD, VFIO_IRQ_SET_DATA_NONE } = irqSetFlag

/** Interrupts of the s390 drivers: each index is one eventfd, with nothing to mask. */
export class EventIrqs {
  readonly count: number
  readonly #loopsBack: boolean
  readonly #sinks = new Map<number, EventSink>()

  /** `loopsBack`: a request without an eventfd is a test shot. EINVAL otherwise. */
  constructor(count: number, { loopsBack }: { readonly loopsBack: boolean }) {
    this.count = count
    this.#loopsBack = loopsBack
  }

  describe(index: number): IrqDescription {
    if (index >= this.count) throw new Errno('EINVAL')
    return { flags: irqInfoFlag.VFIO_IRQ_INFO_EVENTFD, count: 1 }
  }

  set(set: IrqSetRequest): void {
    checkIrqSet(set, { indexes: this.count, vectors: 1 })
    const { index, flags, data } = set
    if ((flags & VFIO_IRQ_SET_ACTION_TRIGGER) === 0) throw new Errno('EINVAL')
    if ((flags & VFIO_IRQ_SET_DATA_EVENTFD) !== 0) this.#tie(set)
    else if (!this.#loopsBack) throw new Errno('EINVAL')
    else if ((flags & VFIO_IRQ_SET_DATA_NONE) !== 0 || (data[0] ?? 0) !== 0) this.signal(index)
  }

  signal(index: number): void {
    this.#sinks.get(index)?.signal()
  }

  disable(): void {
    this.#sinks.clear()
  }

  /** -1 unties. The drivers read the descriptor whatever the count says. */
  #tie({ index, data, eventfd }: IrqSetRequest): void {
    if (data.length < 4) throw new Errno('EFAULT')
    const fd = new DataView(data.buffer, data.byteOffset).getInt32(0, kernelOrder)
    if (fd < -1) throw new Errno('EINVAL')
    if (fd === -1) this.#sinks.delete(index)
    else this.#sinks.set(index, eventfd(fd))
  }
}
