import fc from 'fast-check'
import { irqSetFlag, vfioIrqSet } from '../../../src/uapi/irq-set.ts'
import { request } from '../../../src/uapi/requests.ts'
import { descriptor, ioctl, on, sizes, struct } from './arguments.ts'
import type { Call } from './call.ts'

const { VFIO_IRQ_SET_DATA_NONE, VFIO_IRQ_SET_DATA_BOOL, VFIO_IRQ_SET_DATA_EVENTFD } = irqSetFlag
const { VFIO_IRQ_SET_ACTION_MASK, VFIO_IRQ_SET_ACTION_UNMASK, VFIO_IRQ_SET_ACTION_TRIGGER } = irqSetFlag

const device = on('device', 'device', 'device', 'device', 'group')
const action = fc.constantFrom(
  VFIO_IRQ_SET_ACTION_TRIGGER,
  VFIO_IRQ_SET_ACTION_TRIGGER,
  VFIO_IRQ_SET_ACTION_TRIGGER,
  VFIO_IRQ_SET_ACTION_MASK,
  VFIO_IRQ_SET_ACTION_UNMASK,
)
const data = fc.constantFrom(VFIO_IRQ_SET_DATA_NONE, VFIO_IRQ_SET_DATA_BOOL, VFIO_IRQ_SET_DATA_EVENTFD)
const index = fc.constantFrom(0, 0, 0, 1, 1, 1, 2, 3, 4, 5, 255)

/** Flags that agree with the data that follows, most with one vector from the first on. */
const agreeing = fc
  .record({
    action,
    data,
    index,
    start: fc.constantFrom(0, 0, 0, 0, 1),
    fds: fc.array(descriptor('eventfd'), { minLength: 0, maxLength: 2 }),
    bools: fc.array(fc.nat({ max: 2 }), { minLength: 2, maxLength: 2 }),
  })
  .map(({ action: what, data: kind, fds, bools, ...values }) => {
    const count = fds.length
    const tail =
      kind === VFIO_IRQ_SET_DATA_NONE
        ? new Uint8Array()
        : kind === VFIO_IRQ_SET_DATA_BOOL
          ? Uint8Array.from(bools.slice(0, count))
          : new Uint8Array(4 * count)
    const argsz = vfioIrqSet.size + tail.length
    const places =
      kind === VFIO_IRQ_SET_DATA_EVENTFD ? fds.map((fd, nth) => ({ at: vfioIrqSet.size + 4 * nth, fd })) : []
    return struct(vfioIrqSet, { ...values, argsz, flags: what | kind, count }, { tail, fds: places })
  })

const any = fc
  .record({
    argsz: sizes(vfioIrqSet.size, 21, 24, 28),
    flags: fc.oneof(fc.nat({ max: 0x3f }), fc.constantFrom(0x40, 0x61, 0x8000_0021)),
    index,
    start: fc.constantFrom(0, 1, 2, 0xffff_ffff),
    count: fc.constantFrom(0, 1, 2, 0xffff_ffff),
  })
  .map((values) => struct(vfioIrqSet, values, { size: values.argsz }))

const set = ioctl(request, ['VFIO_DEVICE_SET_IRQS'], device, fc.oneof({ weight: 3, arbitrary: agreeing }, any))

/** Interrupts tied to eventfds and untied, masked and raised by hand. */
export const irqCalls: readonly fc.Arbitrary<Call>[] = [set]
