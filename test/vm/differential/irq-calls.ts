import fc from 'fast-check'
import { irqSetFlag, vfioIrqSet } from '../../../src/uapi/irq.ts'
import { request } from '../../../src/uapi/requests.ts'
import { descriptor, ioctl, on, sizes, struct } from './arguments.ts'
import type { Call, Descriptor, On, Struct } from './call.ts'

const { VFIO_IRQ_SET_DATA_NONE, VFIO_IRQ_SET_DATA_BOOL, VFIO_IRQ_SET_DATA_EVENTFD } = irqSetFlag
const { VFIO_IRQ_SET_ACTION_MASK, VFIO_IRQ_SET_ACTION_UNMASK, VFIO_IRQ_SET_ACTION_TRIGGER } = irqSetFlag

const device = on(...Array<Descriptor>(12).fill('device'), 'group')
const action = fc.constantFrom(
  VFIO_IRQ_SET_ACTION_TRIGGER,
  VFIO_IRQ_SET_ACTION_TRIGGER,
  VFIO_IRQ_SET_ACTION_TRIGGER,
  VFIO_IRQ_SET_ACTION_MASK,
  VFIO_IRQ_SET_ACTION_UNMASK,
)
const data = fc.constantFrom(VFIO_IRQ_SET_DATA_NONE, VFIO_IRQ_SET_DATA_BOOL, VFIO_IRQ_SET_DATA_EVENTFD)
const index = fc.constantFrom(0, 0, 0, 1, 1, 1, 2, 3, 4, 5, 255)

/** Calls that a driver makes, for the first vector of one index. */
function usual(index: number): fc.Arbitrary<Struct> {
  const { size } = vfioIrqSet
  const set = (flags: number, tail = new Uint8Array(), count = 1) =>
    struct(vfioIrqSet, { argsz: size + tail.length, index, count, flags }, { tail })
  const tie = (action: number) => (fd: On) => ({
    ...set(action | VFIO_IRQ_SET_DATA_EVENTFD, new Uint8Array(4)),
    fds: [{ at: size, fd }],
  })
  const eventfd = on('eventfd')
  return fc.oneof(
    { weight: 3, arbitrary: eventfd.map(tie(VFIO_IRQ_SET_ACTION_TRIGGER)) },
    eventfd.map(tie(VFIO_IRQ_SET_ACTION_UNMASK)),
    fc.constantFrom(
      set(VFIO_IRQ_SET_ACTION_TRIGGER | VFIO_IRQ_SET_DATA_NONE),
      set(VFIO_IRQ_SET_ACTION_TRIGGER | VFIO_IRQ_SET_DATA_BOOL, Uint8Array.of(1)),
    ),
    fc.constantFrom(
      set(VFIO_IRQ_SET_ACTION_MASK | VFIO_IRQ_SET_DATA_NONE),
      set(VFIO_IRQ_SET_ACTION_UNMASK | VFIO_IRQ_SET_DATA_NONE),
    ),
    // what unties a vector, and what disables them all
    fc.constantFrom(
      set(VFIO_IRQ_SET_ACTION_TRIGGER | VFIO_IRQ_SET_DATA_EVENTFD, new Uint8Array(4).fill(0xff)),
      set(VFIO_IRQ_SET_ACTION_TRIGGER | VFIO_IRQ_SET_DATA_NONE, new Uint8Array(), 0),
    ),
  )
}

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

/** As a guest's acknowledgement does, and a wrong one. */
const signal: fc.Arbitrary<Call> = fc.record({
  kind: fc.constant('write'),
  on: on('eventfd'),
  bytes: fc.constantFrom('0100000000000000', '0100000000000000', '0500000000000000', 'ff'.repeat(8), '01'),
})

const set = (argument: fc.Arbitrary<Struct>) => ioctl(request, ['VFIO_DEVICE_SET_IRQS'], device, argument)

/** Interrupts tied to eventfds and untied, masked and raised by hand; those of one index most of all. */
export function irqCalls(one: number): readonly fc.Arbitrary<Call>[] {
  return [...Array<fc.Arbitrary<Call>>(6).fill(set(usual(one))), set(agreeing), set(any), signal]
}
