import { expect, onTestFinished, type TestContext, test } from 'vitest'
import { kernelOrder } from '../../../src/base/byte-order.ts'
import { irqSetFlag, vfioIrqSet } from '../../../src/uapi/irq.ts'
import { request } from '../../../src/uapi/requests.ts'
import { encode, type Values } from '../../../src/uapi/struct.ts'
import { signals } from '../irq/irq-eventfds.ts'
import { err, msix, openRaw, req } from '../irq/irq-raw.ts'
import { answerOf } from '../kernel-answer.ts'
import { bindPci } from '../pci.ts'

// libvfio-user's 29 cases of VFIO_DEVICE_SET_IRQS (test/py/test_device_set_irqs.py), asked of vfio-pci.
const { VFIO_IRQ_SET_DATA_NONE: none, VFIO_IRQ_SET_DATA_BOOL: bool, VFIO_IRQ_SET_DATA_EVENTFD: eventfd } = irqSetFlag
const { VFIO_IRQ_SET_ACTION_MASK: mask, VFIO_IRQ_SET_ACTION_UNMASK: unmask } = irqSetFlag
const { VFIO_IRQ_SET_ACTION_TRIGGER: trigger } = irqSetFlag
/** MSI-X vectors of an e1000e. */
const vectors = 5

/** The call of one case: REQ of no vector, and an argsz that fits the data, unless told. */
type IrqSet = Partial<Values<typeof vfioIrqSet>> & { readonly flags: number; readonly data?: readonly number[] }

/** A device, and how a case asks it. */
async function openCase(context: TestContext) {
  const { kernel, group, address } = await bindPci(context, 'e1000e')
  const made: number[] = []
  onTestFinished(() => {
    for (const fd of made) kernel.close(fd)
  })
  const open = () => openRaw(kernel, { group, name: address })
  let { device, descriptor } = open()
  const call = (bytes: Uint8Array) => answerOf(() => descriptor.ioctl(request.VFIO_DEVICE_SET_IRQS, bytes))
  return {
    call,
    set({ data = [], ...values }: IrqSet): number | string {
      const argsz = vfioIrqSet.size + data.length
      const header = encode(vfioIrqSet, { argsz, index: req, start: 0, count: 0, ...values })
      return call(Uint8Array.of(...header, ...data))
    },
    eventfd(initial = 0): number {
      const fd = kernel.eventfd(initial)
      made.push(fd)
      return fd
    },
    count: (fd: number) => signals(kernel, fd),
    vectorsOf: (index: number) => device.irqs.get(index).count,
    reopen() {
      device.close()
      const again = open()
      device = again.device
      descriptor = again.descriptor
    },
  }
}

type Case = Awaited<ReturnType<typeof openCase>>

/** As the data of a call has them. */
function bytesOf(...fds: number[]): number[] {
  const view = new DataView(new ArrayBuffer(4 * fds.length))
  for (const [at, fd] of fds.entries()) view.setInt32(4 * at, fd, kernelOrder)
  return [...new Uint8Array(view.buffer)]
}

/** Ties the first vectors of MSI-X. */
function tie({ set }: Case, ...fds: number[]): number | string {
  return set({ flags: trigger | eventfd, index: msix, count: fds.length, data: bytesOf(...fds) })
}

const cases: [name: string, expected: unknown, ask: (it: Case) => unknown][] = [
  [
    'a device that was just opened has its interrupts, and none is on',
    [[1, 1, vectors], 'EINVAL'],
    ({ vectorsOf, set }) => [[req, err, msix].map(vectorsOf), set({ flags: trigger | none, index: msix })],
  ],
  ['no struct', 'never made', ({ call }) => call(new Uint8Array())],
  ['a struct that ends after its flags', 'never made', ({ call }) => call(new Uint8Array(8))],
  ['an argsz of 3', 'EINVAL', ({ set }) => set({ argsz: 3, flags: trigger | none })],
  ['an index behind the last', 'EINVAL', ({ set }) => set({ flags: trigger | none, index: 5 })],
  ['to mask and to unmask, with no kind of data', 'EINVAL', ({ set }) => set({ flags: mask | unmask, index: msix })],
  ['two kinds of data', 'EINVAL', ({ set }) => set({ flags: mask | none | bool, index: msix })],
  [
    'vectors that begin inside and end outside',
    'EINVAL',
    ({ set }) => set({ flags: mask | none, index: msix, start: vectors - 1, count: 2 }),
  ],
  [
    'a vector behind the last',
    'EINVAL',
    ({ set }) => set({ flags: mask | none, index: msix, start: vectors + 1, count: 1 }),
  ],
  [
    'more vectors than numbers',
    'EINVAL',
    ({ set }) => set({ flags: trigger | eventfd, index: msix, start: 2, count: 0xffff_ffff }),
  ],
  ['to mask err', 'ENOTTY', ({ set }) => set({ flags: mask | none, index: err, count: 1 })],
  ['to mask req', 'ENOTTY', ({ set }) => set({ flags: mask | none, count: 1 })],
  ['two vectors of err', 'EINVAL', ({ set }) => set({ flags: trigger | none, index: err, count: 2 })],
  ['two vectors of req', 'EINVAL', ({ set }) => set({ flags: trigger | none, count: 2 })],
  ['to mask no vector from the second on', 'ENOTTY', ({ set }) => set({ flags: mask | none, index: msix, start: 1 })],
  ['to mask no vector', 'ENOTTY', ({ set }) => set({ flags: mask | none, index: msix })],
  ['to trigger no vector by bools', 'EINVAL', ({ set }) => set({ flags: trigger | bool, index: msix })],
  [
    'an eventfd behind a bool, which nobody looks at',
    [0, 0, 0],
    (it) => {
      const [tied, behind] = [it.eventfd(), it.eventfd()]
      tie(it, tied)
      return [
        it.set({ flags: trigger | bool, index: msix, count: 1, data: [0, ...bytesOf(behind)] }),
        it.count(tied),
        it.count(behind),
      ]
    },
  ],
  [
    'an eventfd where no data is said to be, which nobody looks at',
    [0, 1, 0],
    (it) => {
      const [tied, behind] = [it.eventfd(), it.eventfd()]
      tie(it, tied)
      return [
        it.set({ flags: trigger | none, index: msix, count: 1, data: bytesOf(behind) }),
        it.count(tied),
        it.count(behind),
      ]
    },
  ],
  [
    'one eventfd for two vectors',
    'EINVAL',
    ({ set, eventfd: make }) => set({ flags: trigger | eventfd, index: msix, count: 2, data: bytesOf(make()) }),
  ],
  [
    'to disable req, to which nothing is tied; to untie it',
    ['EINVAL', 0],
    ({ set }) => [set({ flags: trigger | none }), set({ flags: trigger | eventfd, count: 1, data: bytesOf(-1) })],
  ],
  ['to tie a vector', 0, (it) => tie(it, it.eventfd())],
  [
    'one bool for two vectors',
    'EINVAL',
    (it) => {
      tie(it, it.eventfd(), it.eventfd())
      return it.set({ flags: trigger | bool, index: msix, count: 2, data: [0] })
    },
  ],
  [
    'three bools for two vectors, of which the third is not looked at',
    [0, 1, 0],
    (it) => {
      const fds = [it.eventfd(), it.eventfd()]
      tie(it, ...fds)
      return [it.set({ flags: trigger | bool, index: msix, count: 2, data: [1, 0, 1] }), ...fds.map(it.count)]
    },
  ],
  [
    'to tie a vector again: the eventfd before it hears nothing any more',
    [0, 0, 0, 1],
    (it) => {
      const fds = [it.eventfd(), it.eventfd()]
      const tied = fds.map((fd) => tie(it, fd))
      it.set({ flags: trigger | none, index: msix, count: 1 })
      return [...tied, ...fds.map(it.count)]
    },
  ],
  [
    'to trigger the second of two vectors: its eventfd is counted up',
    [0, 4, 9],
    (it) => {
      const fds = [it.eventfd(4), it.eventfd(8)]
      tie(it, ...fds)
      return [it.set({ flags: trigger | none, index: msix, start: 1, count: 1 }), ...fds.map(it.count)]
    },
  ],
  [
    'to trigger the second of two vectors by bools',
    [0, 4, 9],
    (it) => {
      const fds = [it.eventfd(4), it.eventfd(8)]
      tie(it, ...fds)
      return [it.set({ flags: trigger | bool, index: msix, count: 2, data: [0, 1] }), ...fds.map(it.count)]
    },
  ],
  ['to mask a vector of MSI-X', 'ENOTTY', ({ set }) => set({ flags: mask | none, index: msix, count: 1 })],
  [
    'a device that is opened again after it was closed with vectors on: none is on',
    [0, 'EINVAL', 0],
    (it) => {
      const tied = tie(it, it.eventfd(), it.eventfd())
      it.reopen()
      return [tied, it.set({ flags: trigger | none, index: msix }), tie(it, it.eventfd())]
    },
  ],
]

test.for(cases.map((row, index) => [index + 1, ...row] as const))(
  'SET_IRQS, case %i of 29: %s',
  async ([, , expected, ask], context) => {
    expect(ask(await openCase(context))).toEqual(expected)
  },
)
