import { beforeEach, describe, expect, test } from 'vitest'
import type { Device } from '../../../../src/vfio/device.ts'
import { IrqKernel } from './irq-kernel.ts'

let kernel: IrqKernel
let device: Device

beforeEach(() => {
  kernel = new IrqKernel()
  device = kernel.openDevice()
})

function code(expected: string, facts: object = {}) {
  return expect.objectContaining({ code: expected, facts: expect.objectContaining(facts) })
}

function openEventfds(): number {
  return [...kernel.descriptors.values()].filter((what) => what.startsWith('eventfd')).length
}

describe('enabling', () => {
  test('is one call, with no eventfd for what lies between', () => {
    const enabled = device.irqs.msix.enable([3, 0])
    expect(enabled.vectors).toEqual([0, 3])
    const eventfds = [enabled.eventfd(0), -1, -1, enabled.eventfd(3)]
    expect(kernel.sets).toEqual([{ index: 2, start: 0, count: 4, action: 'trigger', data: { eventfds } }])
  })

  test.each([
    ['a second way of delivery', 'intx', 'DEVICE_BUSY', { irq: 'intx', active: 'msi' }],
    ['the same once more', 'msi', 'DEVICE_BUSY', { irq: 'msi', active: 'msi' }],
  ])('%s is refused, naming the one there is', (_, name, expected, facts) => {
    const enabled = device.irqs.msi.enable([0])
    expect(() => device.irqs.get(name).enable([0])).toThrow(code(expected, facts))
    expect(kernel.sets).toHaveLength(1)
    enabled.close()
    device.irqs.get(name).enable([0])
  })

  test('err and req go with any of them', () => {
    for (const name of ['msi', 'err', 'req']) device.irqs.get(name).enable([0])
    expect(kernel.sets.map(({ index }) => index)).toEqual([1, 3, 4])
  })

  test.each([
    ['no vector', [], 'INVALID_ARGUMENT'],
    ['a vector twice', [1, 1], 'INVALID_ARGUMENT'],
    ['a vector past the end', [32], 'OUT_OF_RANGE'],
    ['a vector below 0', [-1], 'OUT_OF_RANGE'],
    ['half a vector', [0.5], 'OUT_OF_RANGE'],
    ['what is no descriptor', [{ vector: 0, eventfd: -2 }], 'INVALID_ARGUMENT'],
  ])('%s is refused before the kernel is asked', (_, vectors, expected) => {
    expect(() => device.irqs.msi.enable(vectors)).toThrow(expect.objectContaining({ code: expected }))
    expect(kernel.sets).toEqual([])
    expect(openEventfds()).toBe(0)
  })

  test('an irq without vectors is NOT_SUPPORTED', () => {
    const bare = new IrqKernel()
    bare.irqs.set(1, () => {})
    expect(() => bare.openDevice().irqs.msi.enable([0])).toThrow(code('NOT_SUPPORTED', { irq: 'msi', count: 0 }))
  })

  test.each([
    ['EINVAL of a way of delivery: another descriptor may have another', 'msi', 'EINVAL', 'DEVICE_BUSY'],
    ['EINVAL of any other', 'err', 'EINVAL', 'SYSTEM_CALL_FAILED'],
    ['ENOTTY', 'err', 'ENOTTY', 'NOT_SUPPORTED'],
    ['EBUSY of the interrupt line', 'intx', 'EBUSY', 'DEVICE_BUSY'],
    ['ENOSPC', 'msix', 'ENOSPC', 'NOT_SUPPORTED'],
    ['ENOMEM', 'msix', 'ENOMEM', 'SYSTEM_CALL_FAILED'],
  ])('%s: the error says so, the errno stays, and nothing is left', (_, name, errno, expected) => {
    kernel.answer = () => errno
    const irq = device.irqs.get(name)
    expect(() => irq.enable([0])).toThrow(expect.objectContaining({ code: expected, errno }))
    expect(openEventfds()).toBe(0)
    kernel.answer = () => null
    irq.enable([0])
  })

  test('a number above 0 is how many vectors there would be: NOT_SUPPORTED', () => {
    kernel.answer = () => 8
    expect(() => device.irqs.msix.enable([0, 15])).toThrow(code('NOT_SUPPORTED', { needed: 16, available: 8 }))
    expect(openEventfds()).toBe(0)
  })

  test('leaves no eventfd where one more is not to be had', () => {
    kernel.eventfdsLeft = 2
    expect(() => device.irqs.msix.enable([0, 1, 2])).toThrow(expect.objectContaining({ errno: 'EMFILE' }))
    expect([kernel.sets, openEventfds()]).toEqual([[], 0])
  })

  test("another's eventfd is signalled, and neither waited for nor closed", () => {
    const eventfd = kernel.eventfd()
    const enabled = device.irqs.msi.enable([{ vector: 0, eventfd }])
    expect(enabled.eventfd(0)).toBe(eventfd)
    kernel.signal(1, 0)
    expect(() => enabled.waitSync({ timeoutMs: 0 })).toThrow(code('INVALID_ARGUMENT'))
    enabled.close()
    expect(kernel.read(eventfd, new Uint8Array(8))).toBe(8)
  })

  test("another's descriptor that is no eventfd is named", () => {
    const eventfd = kernel.eventfd()
    kernel.links.set(`/proc/1/fd/${eventfd}`, 'anon_inode:[eventfd]')
    kernel.links.set('/proc/1/fd/7', '/dev/null')
    kernel.answer = () => 'EINVAL'
    expect(() =>
      device.irqs.msi.enable([
        { vector: 0, eventfd },
        { vector: 1, eventfd: 7 },
      ]),
    ).toThrow(
      expect.objectContaining({
        code: 'INVALID_ARGUMENT',
        message: expect.stringContaining('7 is not an open eventfd'),
      }),
    )
    kernel.answer = () => 'EBADF'
    expect(() => device.irqs.msi.enable([{ vector: 0, eventfd: 8 }])).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT', errno: 'EBADF' }),
    )
  })
})

describe('growing and shrinking', () => {
  test('a vector is added by itself, and the others are left alone', () => {
    const enabled = device.irqs.msix.enable([0, 1])
    enabled.add([4, 3])
    expect(enabled.vectors).toEqual([0, 1, 3, 4])
    expect(kernel.sets.slice(1)).toEqual(
      [3, 4].map((start) => ({
        index: 2,
        start,
        count: 1,
        action: 'trigger',
        data: { eventfds: [enabled.eventfd(start)] },
      })),
    )
    expect(() => enabled.add([3])).toThrow(code('INVALID_ARGUMENT'))
  })

  test('is undone whole where one vector is refused', () => {
    const enabled = device.irqs.msix.enable([0])
    kernel.answer = ({ start }) => (start === 5 ? 'ENOMEM' : null)
    expect(() => enabled.add([4, 5])).toThrow(expect.objectContaining({ errno: 'ENOMEM' }))
    expect(enabled.vectors).toEqual([0])
    expect([...kernel.signals.keys()]).toEqual(['2:0'])
    expect(openEventfds()).toBe(1)
  })

  test('of vectors that are set up as one is NOT_SUPPORTED above those, and works among them', () => {
    const enabled = device.irqs.msi.enable([0, 3])
    expect(() => enabled.add([1, 4])).toThrow(code('NOT_SUPPORTED', { vector: 4, enabled: [0, 3], vectors: 4 }))
    expect(kernel.sets).toHaveLength(1)
    enabled.add([1])
    expect(enabled.vectors).toEqual([0, 1, 3])
  })

  test('a removed vector is untied, its eventfd closed, and those who wait for it are told', async () => {
    const enabled = device.irqs.msix.enable([0, 1])
    const waiting = enabled.next({ vector: 1 })
    const other = enabled.next({ vector: 0 })
    enabled.remove([1])
    await expect(waiting).rejects.toThrow(code('CLOSED'))
    expect(kernel.sets.at(-1)).toMatchObject({ start: 1, count: 1, data: { eventfds: [-1] } })
    expect(openEventfds()).toBe(1)
    expect(() => enabled.eventfd(1)).toThrow(code('NOT_FOUND', { vector: 1, enabled: [0] }))
    kernel.signal(2, 0)
    expect(await other).toEqual({ vector: 0, count: 1 })
  })
})

describe('masking', () => {
  test('is of the whole irq, by call or by eventfd', () => {
    const enabled = device.irqs.intx.enable([0])
    enabled.mask()
    enabled.unmask()
    const eventfd = enabled.resampleEventfd()
    expect(enabled.resampleEventfd()).toBe(eventfd)
    expect(kernel.sets.slice(1)).toEqual([
      { index: 0, start: 0, count: 1, action: 'mask', data: null },
      { index: 0, start: 0, count: 1, action: 'unmask', data: null },
      { index: 0, start: 0, count: 1, action: 'unmask', data: { eventfds: [eventfd] } },
    ])
    enabled.close()
    expect(openEventfds()).toBe(0)
  })

  test('of what cannot be masked is NOT_SUPPORTED without asking', () => {
    const enabled = device.irqs.msi.enable([0])
    for (const call of ['mask', 'unmask', 'resampleEventfd'] as const) {
      expect(() => enabled[call]()).toThrow(code('NOT_SUPPORTED'))
    }
    expect([kernel.sets.length, openEventfds()]).toEqual([1, 1])
  })

  test('by eventfd is NOT_SUPPORTED where the driver answers ENOTTY', () => {
    const enabled = device.irqs.intx.enable([0])
    kernel.answer = ({ action }) => (action === 'unmask' ? 'ENOTTY' : null)
    expect(() => enabled.resampleEventfd()).toThrow(expect.objectContaining({ code: 'NOT_SUPPORTED', errno: 'ENOTTY' }))
    expect(openEventfds()).toBe(1)
  })

  test("by another's eventfd leaves that open", () => {
    const eventfd = kernel.eventfd()
    const enabled = device.irqs.intx.enable([0])
    expect(enabled.resampleEventfd(eventfd)).toBe(eventfd)
    enabled.close()
    expect(openEventfds()).toBe(1)
  })

  test('autoUnmask unmasks when the next event is waited for, not before', async () => {
    const enabled = device.irqs.intx.enable([0], { autoUnmask: true })
    const unmasks = () => kernel.sets.filter(({ action }) => action === 'unmask').length
    const first = enabled.next()
    kernel.signal(0, 0)
    await first
    expect(unmasks()).toBe(0)
    kernel.signal(0, 0)
    enabled.waitSync({ timeoutMs: 0 })
    expect(unmasks()).toBe(1)
    kernel.signal(0, 0)
    for await (const _ of enabled.events()) break
    expect(unmasks()).toBe(2)
  })
})

describe('closing', () => {
  test('disables, closes each eventfd once, and frees the device for another irq', () => {
    const enabled = device.irqs.msix.enable([0, 1, 2])
    enabled.close()
    enabled.close()
    expect(kernel.sets.slice(1)).toEqual([{ index: 2, start: 0, count: 0, action: 'trigger', data: null }])
    expect(kernel.calls.filter((call) => call.startsWith('close'))).toHaveLength(3)
    expect([enabled.closed, enabled.vectors, openEventfds()]).toEqual([true, [], 0])
    for (const call of [
      () => enabled.trigger(0),
      () => enabled.add([5]),
      () => enabled.mask(),
      () => enabled.events(),
      () => enabled.waitSync({ timeoutMs: 0 }),
    ]) {
      expect(call).toThrow(code('CLOSED'))
    }
  })

  test('masks a level first, which would flood the host if the device held it still', () => {
    const enabled = device.irqs.intx.enable([0])
    enabled.remove([0])
    enabled.add([0])
    enabled.close()
    expect(kernel.sets.map(({ action, count }) => [action, count])).toEqual([
      ['trigger', 1],
      ['mask', 1],
      ['trigger', 1],
      ['trigger', 1],
      ['unmask', 1],
      ['mask', 1],
      ['trigger', 0],
    ])
  })

  test('of the device closes it first: disabled, then the eventfd, then the device', () => {
    const enabled = device.irqs.msi.enable([0])
    const eventfd = enabled.eventfd(0)
    kernel.calls.length = 0
    device.close()
    expect(kernel.calls.slice(0, 3)).toEqual(['VFIO_DEVICE_SET_IRQS', `close eventfd ${eventfd}`, 'close device dev'])
    enabled.close()
    expect(kernel.descriptors.size).toBe(0)
  })

  test('goes on where the kernel says that it is not enabled', () => {
    const enabled = device.irqs.msi.enable([0])
    kernel.answer = () => 'EINVAL'
    enabled.close()
    expect(openEventfds()).toBe(0)
  })

  test('closes the eventfds too where disabling fails otherwise, and says so', () => {
    const enabled = device.irqs.msi.enable([0, 1])
    kernel.answer = () => 'ENODEV'
    expect(() => enabled.close()).toThrow(expect.objectContaining({ errno: 'ENODEV' }))
    expect(openEventfds()).toBe(0)
  })
})
