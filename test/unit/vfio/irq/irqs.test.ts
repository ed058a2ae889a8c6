import { describe, expect, test } from 'vitest'
import { openDevice } from '../../../../src/vfio/device.ts'
import { answerIrq, FakeKernel } from '../fake-kernel.ts'

function open(kernel: FakeKernel) {
  const device = openDevice(kernel, { group: 5, name: 'dev' })
  kernel.calls.length = 0
  return device
}

describe('the irqs of a device', () => {
  test('are those the kernel answers, with their flags by name', () => {
    const kernel = new FakeKernel()
    kernel.irqs.set(0, answerIrq({ flags: 7, count: 1 }))
    kernel.irqs.set(2, answerIrq({ flags: 9, count: 65 }))
    expect([...open(kernel).irqs]).toEqual([
      { index: 0, name: 'intx', count: 1, flags: { eventfd: true, maskable: true, automasked: true, noresize: false } },
      {
        index: 2,
        name: 'msix',
        count: 65,
        flags: { eventfd: true, maskable: false, automasked: false, noresize: true },
      },
    ])
  })

  test('have no flags where a driver leaves them as they came', () => {
    const kernel = new FakeKernel()
    kernel.irqs.set(1, answerIrq({ count: 0 }))
    expect(open(kernel).irqs.get(1).flags).toEqual({
      eventfd: false,
      maskable: false,
      automasked: false,
      noresize: false,
    })
  })

  test('are found by index and by name, and asked for once', () => {
    const kernel = new FakeKernel()
    kernel.irqs.set(1, answerIrq({ flags: 9, count: 1 }))
    const { irqs } = open(kernel)
    expect(irqs.get('msi')).toBe(irqs.get(1))
    expect(kernel.calls).toHaveLength(5)
  })

  test('that are not there are NOT_FOUND, with those that are', () => {
    const kernel = new FakeKernel()
    kernel.irqs.set(1, answerIrq({ flags: 9, count: 1 }))
    expect(() => open(kernel).irqs.get('msix')).toThrow(
      expect.objectContaining({ code: 'NOT_FOUND', facts: { irq: 'msix', irqs: ['msi'] } }),
    )
  })

  test('keep the errno of a failure that does not mean absence', () => {
    const kernel = new FakeKernel()
    kernel.failing.set('VFIO_DEVICE_GET_IRQ_INFO', 'ENODEV')
    expect(() => [...open(kernel).irqs]).toThrow(
      expect.objectContaining({ code: 'SYSTEM_CALL_FAILED', errno: 'ENODEV' }),
    )
  })

  test('are not to be had from a closed device', () => {
    const device = open(new FakeKernel())
    expect([...device.irqs]).toEqual([])
    device.close()
    expect(() => [...device.irqs]).toThrow(expect.objectContaining({ code: 'CLOSED' }))
  })
})
