import { describe, expect, onTestFinished, type TestContext, test } from 'vitest'
import { irqSetFlag } from '../../../src/uapi/irq.ts'
import { isLinuxBefore } from '../kernel.ts'
import { signals } from './irq-eventfds.ts'
import { err, intx, msi, msix, openRawMtty, openRawPci, type RawDevice, req, setBadIrqs, setIrqs } from './irq-raw.ts'

// What VFIO_DEVICE_SET_IRQS itself answers, without the library's own checks before it.
const { VFIO_IRQ_SET_DATA_NONE, VFIO_IRQ_SET_DATA_EVENTFD, VFIO_IRQ_SET_ACTION_TRIGGER } = irqSetFlag
const { VFIO_IRQ_SET_ACTION_MASK } = irqSetFlag

type Action = 'mask' | 'unmask' | 'trigger'

function irqsOf({ descriptor }: RawDevice) {
  const set = (index: number, action: Action, range: [start: number, count: number]) =>
    setIrqs(descriptor, { index, action, start: range[0], count: range[1], data: null })
  return {
    /** With no data: acts on these vectors; on no vector, it disables. */
    mask: (index: number, start = 0, count = 1) => set(index, 'mask', [start, count]),
    unmask: (index: number, start = 0, count = 1) => set(index, 'unmask', [start, count]),
    trigger: (index: number, start = 0, count = 1) => set(index, 'trigger', [start, count]),
    disable: (index: number) => set(index, 'trigger', [0, 0]),
    tie: (index: number, eventfds: number[], action: Action = 'trigger', start = 0) =>
      setIrqs(descriptor, { index, action, start, count: eventfds.length, data: { eventfds } }),
    triggerWhere: (index: number, bools: boolean[], start = 0) =>
      setIrqs(descriptor, { index, action: 'trigger', start, count: bools.length, data: { bools } }),
  }
}

function eventfds({ kernel }: RawDevice, count: number): number[] {
  const made = Array.from({ length: count }, () => kernel.eventfd())
  onTestFinished(() => {
    for (const eventfd of made) kernel.close(eventfd)
  })
  return made
}

function closedDescriptor({ kernel }: RawDevice): number {
  const fd = kernel.eventfd()
  kernel.close(fd)
  return fd
}

describe('SET_IRQS of vfio-pci', () => {
  async function open(context: TestContext, name: 'edu' | 'e1000e' | 'nvme') {
    const raw = await openRawPci(context, name)
    const [first = -1, second = -1] = eventfds(raw, 2)
    const count = (eventfd: number) => signals(raw.kernel, eventfd)
    return { ...raw, irqs: irqsOf(raw), first, second, count }
  }

  test('MSI is not masked: ENOTTY; INTx is unmasked by an eventfd, and not masked by one', async (context) => {
    const { irqs, first, second } = await open(context, 'edu')
    expect(irqs.tie(msi, [first])).toBe(0)
    expect([irqs.mask(msi), irqs.unmask(msi)]).toEqual(['ENOTTY', 'ENOTTY'])
    expect(irqs.disable(msi)).toBe(0)
    expect(irqs.tie(intx, [first])).toBe(0)
    expect([irqs.tie(intx, [second], 'mask'), irqs.tie(intx, [second], 'unmask')]).toEqual(['ENOTTY', 0])
  })

  test('one way of delivery while another is active, and more vectors than there are, are EINVAL', async (context) => {
    const { irqs, first, second } = await open(context, 'e1000e')
    expect(irqs.tie(msi, [first])).toBe(0)
    expect([irqs.tie(msix, [second]), irqs.tie(intx, [second])]).toEqual(['EINVAL', 'EINVAL'])
    expect([irqs.tie(msi, [first, second]), irqs.tie(msi, [first], 'trigger', 1)]).toEqual(['EINVAL', 'EINVAL'])
  })

  test('disabling what is not active is EINVAL, as is triggering it', async (context) => {
    const { irqs, first } = await open(context, 'edu')
    expect([intx, msi, msix].map(irqs.disable)).toEqual(['EINVAL', 'EINVAL', 'EINVAL'])
    expect([irqs.trigger(intx), irqs.trigger(msi), irqs.mask(intx), irqs.unmask(intx)]).toEqual(Array(4).fill('EINVAL'))
    irqs.tie(msi, [first])
    expect([irqs.disable(intx), irqs.disable(msi), irqs.disable(msi)]).toEqual(['EINVAL', 0, 'EINVAL'])
  })

  test('no kind of data, two kinds, two actions, and a short argsz are EINVAL', async (context) => {
    const { descriptor } = await open(context, 'edu')
    for (const bad of [
      { flags: VFIO_IRQ_SET_ACTION_TRIGGER },
      { flags: VFIO_IRQ_SET_ACTION_TRIGGER | VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_DATA_EVENTFD },
      { flags: VFIO_IRQ_SET_ACTION_TRIGGER | 0x40 | VFIO_IRQ_SET_DATA_NONE },
      { flags: VFIO_IRQ_SET_ACTION_TRIGGER | VFIO_IRQ_SET_DATA_NONE, argsz: 16 },
      { flags: VFIO_IRQ_SET_ACTION_TRIGGER | VFIO_IRQ_SET_DATA_EVENTFD },
    ]) {
      expect(setBadIrqs(descriptor, msi, bad)).toBe('EINVAL')
    }
    const both = VFIO_IRQ_SET_ACTION_TRIGGER | VFIO_IRQ_SET_ACTION_MASK | VFIO_IRQ_SET_DATA_NONE
    expect(['EINVAL', 'ENOTTY']).toContain(setBadIrqs(descriptor, msi, { flags: both }))
  })

  test('a closed descriptor is EBADF, one of something else EINVAL, and neither leaves anything enabled', async (context) => {
    const raw = await open(context, 'edu')
    const { irqs, descriptor, first } = raw
    expect(irqs.tie(msi, [closedDescriptor(raw)])).toBe('EBADF')
    expect(irqs.tie(msi, [descriptor.fd])).toBe('EINVAL')
    irqs.disable(msi)
    expect(irqs.tie(intx, [first])).toBe(0)
  })

  test('-1 unties a vector, as -2 does; to trigger a vector without an eventfd is nothing', async (context) => {
    const { irqs, first, second, count } = await open(context, 'nvme')
    expect(irqs.tie(msix, [first, second])).toBe(0)
    expect(irqs.tie(msix, [-1])).toBe(0)
    expect(irqs.trigger(msix, 0, 2)).toBe(0)
    expect([count(first), count(second)]).toEqual([0, 1])
    expect(irqs.tie(msix, [-2], 'trigger', 1)).toBe(0)
    expect(irqs.trigger(msix, 0, 2)).toBe(0)
    expect([count(first), count(second)]).toEqual([0, 0])
  })

  test('triggers all of a range, or those that are told', async (context) => {
    const { irqs, first, second, count } = await open(context, 'nvme')
    irqs.tie(msix, [first, second])
    expect([irqs.trigger(msix, 0, 2), irqs.triggerWhere(msix, [false, true])]).toEqual([0, 0])
    expect([count(first), count(second)]).toEqual([1, 2])
  })

  test('an index that is not there is EINVAL', async (context) => {
    const { irqs, first } = await open(context, 'edu')
    expect([irqs.tie(5, [first]), irqs.tie(msix, [first])]).toEqual(['EINVAL', 'EINVAL'])
  })

  test('err of a conventional device is there from some Linux after 6.12 on', async (context) => {
    const raw = await open(context, 'edu')
    const { irqs, first, device } = raw
    const hasErr = [...device.irqs].some(({ index }) => index === err)
    expect(irqs.tie(err, [first])).toBe(hasErr ? 0 : 'EINVAL')
    if (isLinuxBefore(raw, 6, 13)) expect(hasErr).toBe(false)
    if (!isLinuxBefore(raw, 7, 0)) expect(hasErr).toBe(true)
  })

  test('one eventfd at a time unmasks INTx: another is EBUSY until that is untied, or closed', async (context) => {
    const raw = await open(context, 'edu')
    const { irqs, kernel, first, second } = raw
    const closed = kernel.eventfd()
    expect([irqs.tie(intx, [first]), irqs.tie(intx, [second], 'unmask')]).toEqual([0, 0])
    expect([irqs.tie(intx, [closed], 'unmask'), irqs.tie(intx, [second], 'unmask')]).toEqual(['EBUSY', 'EBUSY'])
    expect([irqs.tie(intx, [-1], 'unmask'), irqs.tie(intx, [closed], 'unmask')]).toEqual([0, 0])
    kernel.close(closed)
    expect(irqs.tie(intx, [second], 'unmask')).toBe(0)
  })

  test('req is tied, triggered and untied by itself; untied again it is EINVAL', async (context) => {
    const { irqs, first, count } = await open(context, 'edu')
    expect([irqs.tie(req, [first]), irqs.trigger(req), count(first)]).toEqual([0, 0, 1])
    expect([irqs.disable(req), irqs.disable(req)]).toEqual([0, 'EINVAL'])
  })
})

// Nothing is written to its registers here: its driver of 6.1 goes on without an eventfd, or with one given back.
describe('SET_IRQS of mtty', () => {
  async function open(context: TestContext) {
    const raw = await openRawMtty(context)
    const [first = -1] = eventfds(raw, 1)
    return { ...raw, irqs: irqsOf(raw), first, old: isLinuxBefore(raw, 6, 7) }
  }

  test('indexes 2 to 4 are taken and ignored up to Linux 6.6, and ENOTTY since', async (context) => {
    const { irqs, first, old } = await open(context)
    for (const index of [msix, err, req]) expect(irqs.tie(index, [first])).toBe(old ? 0 : 'ENOTTY')
    expect(irqs.tie(5, [first])).toBe('EINVAL')
  })

  test('masking is taken and ignored up to Linux 6.6; since, for INTx without an eventfd alone', async (context) => {
    const { irqs, first, old } = await open(context)
    expect(irqs.tie(intx, [first])).toBe(0)
    expect([irqs.mask(intx), irqs.unmask(intx)]).toEqual([0, 0])
    for (const action of ['mask', 'unmask'] as const) expect(irqs.tie(intx, [first], action)).toBe(old ? 0 : 'ENOTTY')
    expect([irqs.mask(msi), irqs.unmask(msi)]).toEqual(old ? [0, 0] : ['ENOTTY', 'ENOTTY'])
  })

  test('the library says NOT_SUPPORTED of a resample eventfd, where the driver says anything', async (context) => {
    const { device, old } = await open(context)
    const irq = device.irqs.intx.enable([0])
    if (old) expect(irq.resampleEventfd()).toBeGreaterThan(0)
    else
      expect(() => irq.resampleEventfd()).toThrow(expect.objectContaining({ code: 'NOT_SUPPORTED', errno: 'ENOTTY' }))
  })

  test('a closed descriptor is EBADF, one of something else EINVAL', async (context) => {
    const raw = await open(context)
    expect([raw.irqs.tie(msi, [closedDescriptor(raw)]), raw.irqs.tie(msi, [raw.descriptor.fd])]).toEqual([
      'EBADF',
      'EINVAL',
    ])
  })

  test('no kind of data, two kinds, a short argsz, and a range past the end are EINVAL', async (context) => {
    const { irqs, descriptor, first } = await open(context)
    for (const bad of [
      { flags: VFIO_IRQ_SET_ACTION_TRIGGER },
      { flags: VFIO_IRQ_SET_ACTION_TRIGGER | VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_DATA_EVENTFD },
      { flags: VFIO_IRQ_SET_ACTION_TRIGGER | VFIO_IRQ_SET_DATA_NONE, argsz: 16 },
      { flags: VFIO_IRQ_SET_ACTION_TRIGGER | VFIO_IRQ_SET_DATA_EVENTFD },
    ]) {
      expect(setBadIrqs(descriptor, msi, bad)).toBe('EINVAL')
    }
    expect(irqs.tie(msi, Array<number>(6).fill(first))).toBe('EINVAL')
  })
})
