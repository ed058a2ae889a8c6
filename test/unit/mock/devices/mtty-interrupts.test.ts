import { beforeEach, describe, expect, test } from 'vitest'
import type { Kernel } from '../../../../src/kernel/kernel.ts'
import { createMockKernel } from '../../../../src/mock/kernel/mock-kernel.ts'
import { irqSetFlag } from '../../../../src/uapi/irq.ts'
import { request } from '../../../../src/uapi/requests.ts'
import { codeOf, createMdev, openMdev, port, uuid, wordAt, words } from '../machine.ts'

const [intx, msi] = [0, 1]
const [data, ier, fcr, mcr] = [0, 1, 2, 4]
const trigger = irqSetFlag.VFIO_IRQ_SET_ACTION_TRIGGER
const none = irqSetFlag.VFIO_IRQ_SET_DATA_NONE
const eventfds = irqSetFlag.VFIO_IRQ_SET_DATA_EVENTFD

let kernel: Kernel
let device: number
let uart: ReturnType<typeof port>
let eventfd: number

beforeEach(async () => {
  kernel = createMockKernel('demo')
  await createMdev(kernel, 'mtty-1', uuid)
  device = openMdev(kernel, uuid).device
  uart = port(kernel, device)
  eventfd = kernel.eventfd()
})

function getInfo(): void {
  kernel.ioctl(device, request.VFIO_DEVICE_GET_INFO, words(20, 0, 0, 0, 0))
}

function setIrqs(index: number, flags: number, fds: number[] = [], count = fds.length, start = 0): unknown {
  const bytes = words(20 + 4 * fds.length, flags, index, start, count, ...fds.map((fd) => fd >>> 0))
  return codeOf(() => kernel.ioctl(device, request.VFIO_DEVICE_SET_IRQS, bytes))
}

function irqInfo(index: number): unknown {
  const bytes = words(16, 0, index, 0)
  return (
    codeOf(() => kernel.ioctl(device, request.VFIO_DEVICE_GET_IRQ_INFO, bytes)) ?? [wordAt(bytes, 4), wordAt(bytes, 12)]
  )
}

/** Number of events since it was asked last. */
function events(fd = eventfd): number {
  const bytes = new Uint8Array(8)
  return codeOf(() => kernel.read(fd, bytes)) === 'EAGAIN'
    ? 0
    : Number(new DataView(bytes.buffer).getBigUint64(0, true))
}

describe('before GET_INFO was asked once', () => {
  test('the driver knows of no irq', () => {
    expect(irqInfo(intx)).toBe('EINVAL')
    expect(setIrqs(msi, trigger | eventfds, [eventfd])).toBe('EINVAL')
    getInfo()
    expect(irqInfo(intx)).toEqual([7, 1])
  })
})

describe('after GET_INFO', () => {
  beforeEach(getInfo)

  test.each([
    ['INTx', 0, [7, 1]],
    ['MSI', 1, [9, 1]],
    ['MSI-X', 2, 'EINVAL'],
    ['ERR', 3, 'EINVAL'],
    ['REQ, as Linux 6.1 has it', 4, [9, 1]],
    ['none', 5, 'EINVAL'],
  ])('irq info of %s', (_, index, answer) => expect(irqInfo(index)).toEqual(answer))

  test('MSI counts every event', () => {
    expect(setIrqs(msi, trigger | eventfds, [eventfd])).toBeNull()
    uart.write(ier, 0x02, 0x02)
    expect(events()).toBe(2)
    uart.read(data)
    expect(events()).toBe(1)
  })

  test.each([intx, msi])('index %d signals its eventfd', (index) => {
    setIrqs(index, trigger | eventfds, [eventfd])
    uart.write(ier, 0x02)
    expect(events()).toBe(1)
  })

  test('RDI fires when the count meets the trigger level: never before FCR is written, then at the first byte', () => {
    setIrqs(msi, trigger | eventfds, [eventfd])
    uart.write(ier, 0x01)
    uart.write(data, 0x41, 0x42)
    expect(events()).toBe(0)
    uart.write(fcr, 0xc7)
    uart.write(data, 0x41, 0x42)
    expect(events()).toBe(1)
  })

  test('RLSI fires at each overrun', () => {
    setIrqs(msi, trigger | eventfds, [eventfd])
    uart.write(fcr, 0x06)
    uart.write(ier, 0x04)
    uart.write(data, 0x41, 0x42, 0x43)
    expect(events()).toBe(2)
  })

  test('modem control fires for OUT2, and once for RTS and DTR together', () => {
    setIrqs(msi, trigger | eventfds, [eventfd])
    uart.write(mcr, 0x0b)
    expect(events()).toBe(0)
    uart.write(ier, 0x08)
    uart.write(mcr, 0x0b)
    expect(events()).toBe(2)
  })

  test('a disabled MSI is silent', () => {
    setIrqs(msi, trigger | eventfds, [eventfd])
    expect(setIrqs(msi, trigger | none)).toBeNull()
    uart.write(ier, 0x02)
    expect(events()).toBe(0)
  })

  test('a second eventfd for MSI is ignored while the first is set', () => {
    const second = kernel.eventfd()
    setIrqs(msi, trigger | eventfds, [eventfd])
    expect(setIrqs(msi, trigger | eventfds, [second])).toBeNull()
    uart.write(ier, 0x02)
    expect([events(), events(second)]).toEqual([1, 0])
  })

  test('an event reaches the eventfd that was set, though its descriptor was closed', () => {
    setIrqs(msi, trigger | eventfds, [eventfd])
    kernel.close(eventfd)
    expect(codeOf(() => uart.write(ier, 0x02))).toBeNull()
  })

  test.each([
    ['an index that is not there', () => setIrqs(5, trigger | none), 'EINVAL'],
    ['several kinds of data', () => setIrqs(msi, trigger | none | eventfds, [3]), 'EINVAL'],
    ['no kind of data', () => setIrqs(msi, trigger), 'EINVAL'],
    ['unknown flags', () => setIrqs(msi, trigger | none | 0x40), 'EINVAL'],
    ['a range past the end', () => setIrqs(msi, trigger | none, [], 6), 'EINVAL'],
    ['a start past the end', () => setIrqs(msi, trigger | none, [], 0, 5), 'EINVAL'],
    ['less data than it says', () => setIrqs(msi, trigger | eventfds, [], 1), 'EINVAL'],
    ['a descriptor that is not open', () => setIrqs(msi, trigger | eventfds, [99]), 'EBADF'],
    ['a descriptor of something else', () => setIrqs(msi, trigger | eventfds, [device]), 'EINVAL'],
    ['-1, which this driver ignores', () => setIrqs(msi, trigger | eventfds, [-1]), null],
    ['masking, which this driver ignores', () => setIrqs(intx, irqSetFlag.VFIO_IRQ_SET_ACTION_MASK | none), null],
    ['MSI-X, which 6.1 accepts and ignores', () => setIrqs(2, trigger | none), null],
  ])('SET_IRQS of %s', (_, call, answer) => expect(call()).toBe(answer))
})
