import { kernelOrder } from '../../base/byte-order.ts'
import { irqSetFlag } from '../../uapi/irq.ts'
import type { EventSink, IrqSetRequest } from './device-model.ts'

/** The eventfds of a request, one per vector; null where a negative number unties it. Looks them up one by one. */
export function* eachEventfd({ data, count, eventfd }: IrqSetRequest): Generator<EventSink | null> {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
  for (let vector = 0; vector < count; vector++) {
    const fd = view.getInt32(4 * vector, kernelOrder)
    yield fd < 0 ? null : eventfd(fd)
  }
}

export function eventfdsOf(set: IrqSetRequest): (EventSink | null)[] {
  return [...eachEventfd(set)]
}

/** Whether a request without eventfds is about its nth vector: all, or those whose byte is not 0. */
export function isTriggered({ flags, data }: IrqSetRequest, nth: number): boolean {
  return (flags & irqSetFlag.VFIO_IRQ_SET_DATA_NONE) !== 0 || data[nth] !== 0
}
