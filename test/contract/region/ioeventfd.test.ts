import { setTimeout } from 'node:timers/promises'
import { describe, expect, onTestFinished, type TestContext, test } from 'vitest'
import { ioeventfdFlag, vfioDeviceIoeventfd } from '../../../src/uapi/irq.ts'
import { request } from '../../../src/uapi/requests.ts'
import { encode, type Values } from '../../../src/uapi/struct.ts'
import type { IoeventfdWrite } from '../../../src/vfio/region/ioeventfd.ts'
import { signal, signals } from '../irq/irq-eventfds.ts'
import { openRawPci } from '../irq/irq-raw.ts'
import { openMdev } from '../open-mdev.ts'
import { openPci } from '../pci.ts'

const edu = { irqStatus: 0x24, raise: 0x60, acknowledge: 0x64 } as const

function code(expected: string, facts: object = {}) {
  return expect.objectContaining({ name: 'VfioError', code: expected, facts: expect.objectContaining(facts) })
}

/** The kernel may do the write a little later than the signal. */
async function until(condition: () => boolean): Promise<void> {
  for (let waited = 0; !condition(); waited++) {
    if (waited > 2000) throw new Error('the write was never done')
    await setTimeout(1)
  }
}

/** An edu without a bit of its interrupt status set, which outlives its users. */
async function openEdu(context: TestContext) {
  const { device, kernel } = await openPci(context, 'edu')
  const { bar0 } = device.regions
  bar0.write32(edu.acknowledge, 0xffff_ffff)
  return { device, kernel, bar0, status: () => bar0.read32(edu.irqStatus) }
}

/** Raises bits of edu's interrupt status. */
function raise(value: number): IoeventfdWrite {
  return { offset: edu.raise, width: 32, value }
}

describe('an eventfd', () => {
  test('writes a register whenever it is signalled, until it is closed', async (context) => {
    const { bar0, kernel, status } = await openEdu(context)
    const write = bar0.ioeventfd(raise(0x4))
    for (let time = 0; time < 3; time++) {
      expect(status()).toBe(0)
      if (time === 1) signal(kernel, write.eventfd)
      else write.signal()
      await until(() => status() !== 0)
      expect(status()).toBe(0x4)
      bar0.write32(edu.acknowledge, 0x4)
    }
    write.close()
    write.close()
    expect(write.closed).toBe(true)
    expect(() => write.signal()).toThrow(code('CLOSED'))
    // the same write can be had again
    using again = bar0.ioeventfd(raise(0x4))
    again.signal()
    await until(() => status() === 0x4)
  })

  test("another's eventfd is taken, and not closed; its signals are not read any more once the write is gone", async (context) => {
    const { bar0, kernel, status } = await openEdu(context)
    const eventfd = kernel.eventfd()
    onTestFinished(() => kernel.close(eventfd))
    const write = bar0.ioeventfd({ ...raise(0x8), eventfd })
    signal(kernel, eventfd)
    await until(() => status() === 0x8)
    expect([write.eventfd, signals(kernel, eventfd)]).toEqual([eventfd, 0])
    write.close()
    bar0.write32(edu.acknowledge, 0x8)
    signal(kernel, eventfd)
    expect([signals(kernel, eventfd), status()]).toEqual([1, 0])
  })

  test('an eventfd that was signalled before writes at once, and stays signalled', async (context) => {
    const { bar0, kernel, status } = await openEdu(context)
    const eventfd = kernel.eventfd(5)
    onTestFinished(() => kernel.close(eventfd))
    using _write = bar0.ioeventfd({ ...raise(0x1), eventfd })
    await until(() => status() === 0x1)
    expect(signals(kernel, eventfd)).toBe(5)
  })

  test('does all the writes it was given for, and no other', async (context) => {
    const { bar0, kernel, status } = await openEdu(context)
    const eventfd = kernel.eventfd()
    onTestFinished(() => kernel.close(eventfd))
    const writes = [0x10, 0x20].map((value) => bar0.ioeventfd({ ...raise(value), eventfd }))
    const other = bar0.ioeventfd(raise(0x40))
    signal(kernel, eventfd)
    await until(() => status() === 0x30)
    other.signal()
    await until(() => status() === 0x70)
    for (const each of [...writes, other]) each.close()
  })

  test('writes nothing while memory decode is off, and its signal is gone', async (context) => {
    const { bar0, device, kernel, status } = await openEdu(context)
    const write = bar0.ioeventfd(raise(0x4))
    device.pci.memoryDecode = false
    write.signal()
    expect(signals(kernel, write.eventfd)).toBe(0)
    device.pci.memoryDecode = true
    expect(status()).toBe(0)
    write.signal()
    await until(() => status() === 0x4)
  })

  test('goes with its device, in whatever order they are closed', async (context) => {
    const { bar0, device, kernel } = await openEdu(context)
    const write = bar0.ioeventfd(raise(0x4))
    device.close()
    expect(write.closed).toBe(true)
    expect(() => kernel.close(write.eventfd)).toThrow(expect.objectContaining({ code: 'EBADF' }))
    write.close()
  })

  test.for([
    { width: 8, value: 0x12, bytes: '1200000000000000' },
    { width: 16, value: 0x1234, bytes: '3412000000000000' },
    { width: 32, value: 0x1234_5678, bytes: '7856341200000000' },
    { width: 64, value: 0x1234_5678_9abc_def0n, bytes: 'f0debc9a78563412' },
  ] as const)('writes $width bits and no more', async ({ bytes, ...write }, context) => {
    const { device } = await openPci(context, 'ivshmem')
    const { bar2 } = device.regions
    bar2.writeFrom(0x40, new Uint8Array(8))
    using ioeventfd = bar2.ioeventfd({ offset: 0x40, ...write })
    ioeventfd.signal()
    await until(() => bar2.read8(0x40) !== 0)
    const there = new Uint8Array(8)
    bar2.readInto(0x40, there)
    expect(Buffer.from(there).toString('hex')).toBe(bytes)
  })
})

describe('what no eventfd writes:', () => {
  test('the same a second time: ALREADY_EXISTS', async (context) => {
    const { device } = await openPci(context, 'edu')
    const { bar0 } = device.regions
    using _first = bar0.ioeventfd(raise(0x4))
    expect(() => bar0.ioeventfd(raise(0x4))).toThrow(
      expect.objectContaining({ code: 'ALREADY_EXISTS', errno: 'EEXIST' }),
    )
  })

  test('the configuration space and the MSI-X table (at 0x2000 of nvme): NOT_SUPPORTED', async (context) => {
    const { device } = await openPci(context, 'nvme')
    const { bar0, config } = device.regions
    expect(() => config.ioeventfd({ offset: 4, width: 16, value: 6 })).toThrow(
      code('NOT_SUPPORTED', { region: 'config' }),
    )
    expect(() => bar0.ioeventfd({ offset: 0x2000, width: 32, value: 0 })).toThrow(
      code('NOT_SUPPORTED', { region: 'bar0' }),
    )
  })

  test('a device whose driver does none, as mtty: NOT_SUPPORTED', async (context) => {
    const { device } = await openMdev(context, 'mtty', 'mtty-1')
    expect(() => device.regions.bar0.ioeventfd({ offset: 7, width: 8, value: 1 })).toThrow(
      expect.objectContaining({ code: 'NOT_SUPPORTED', errno: 'ENOTTY' }),
    )
  })

  test('what is no write of the region, before the kernel is asked', async (context) => {
    const { device } = await openPci(context, 'edu')
    const { bar0, bar1 } = device.regions
    expect(() => bar0.ioeventfd({ offset: 0x10_0000, width: 32, value: 0 })).toThrow(code('OUT_OF_RANGE'))
    expect(() => bar1.ioeventfd({ offset: 0, width: 8, value: 0 })).toThrow(code('NOT_SUPPORTED'))
    for (const [offset, value, eventfd] of [
      [0x62, 0, undefined],
      [-4, 0, undefined],
      [0x60, 2 ** 32, undefined],
      [0x60, -1, undefined],
      [0x60, 0, -1],
    ] as const) {
      const request = { offset, width: 32, value, ...(eventfd === undefined ? {} : { eventfd }) } as const
      expect(() => bar0.ioeventfd(request)).toThrow(code('INVALID_ARGUMENT'))
    }
  })

  test('what is no eventfd: INVALID_ARGUMENT, which names it', async (context) => {
    const { device, kernel } = await openPci(context, 'edu')
    const { bar0 } = device.regions
    const folder = kernel.open('/sys/bus/pci/devices', 'r')
    onTestFinished(() => kernel.close(folder))
    const closed = kernel.eventfd()
    kernel.close(closed)
    for (const [eventfd, errno] of [
      [folder, 'EINVAL'],
      [closed, 'EBADF'],
    ] as const) {
      const refused = expect.objectContaining({ code: 'INVALID_ARGUMENT', errno, facts: { eventfds: [eventfd] } })
      expect(() => bar0.ioeventfd({ ...raise(1), eventfd })).toThrow(refused)
    }
  })

  test('the 1001st of a device: NO_IOEVENTFD_LEFT', async (context) => {
    const { device, kernel } = await openPci(context, 'edu')
    const { bar0 } = device.regions
    const eventfd = kernel.eventfd()
    onTestFinished(() => kernel.close(eventfd))
    const writes = Array.from({ length: 1000 }, (_, value) => bar0.ioeventfd({ ...raise(value), eventfd }))
    expect(() => bar0.ioeventfd(raise(1000))).toThrow(code('NO_IOEVENTFD_LEFT', { limit: 1000 }))
    writes[500]?.close()
    bar0.ioeventfd(raise(1000)).close()
  })
})

test('VFIO_DEVICE_IOEVENTFD of vfio-pci has an errno for each refusal', async (context) => {
  const { kernel, device, descriptor } = await openRawPci(context, 'edu')
  const { bar0, config } = device.regions
  const eventfd = kernel.eventfd()
  onTestFinished(() => kernel.close(eventfd))
  const { VFIO_DEVICE_IOEVENTFD_16, VFIO_DEVICE_IOEVENTFD_32 } = ioeventfdFlag
  const good = {
    argsz: 28,
    flags: VFIO_DEVICE_IOEVENTFD_32,
    offset: bar0.offset + BigInt(edu.raise),
    data: 0x100n,
    fd: eventfd,
  }
  const call = (values: Partial<Values<typeof vfioDeviceIoeventfd>>) => {
    const bytes = encode(vfioDeviceIoeventfd, { ...good, ...values })
    try {
      return descriptor.ioctl(request.VFIO_DEVICE_IOEVENTFD, bytes)
    } catch (error) {
      return error instanceof Error && 'code' in error ? error.code : error
    }
  }
  expect(call({ fd: -1 })).toBe('ENODEV')
  expect(call({})).toBe(0)
  expect(call({})).toBe('EEXIST')
  expect(call({ fd: -1 })).toBe(0)
  expect(call({ fd: -1 })).toBe('ENODEV')
  const wrong = [
    { argsz: 27 },
    { flags: 0 },
    { flags: VFIO_DEVICE_IOEVENTFD_16 | VFIO_DEVICE_IOEVENTFD_32 },
    { flags: 0x10 },
    { flags: VFIO_DEVICE_IOEVENTFD_32 | 0x10 },
    { fd: -2 },
    { offset: config.offset },
    { offset: bar0.offset + BigInt(bar0.size - 2) },
    { offset: device.regions.bar1.offset },
  ]
  expect(wrong.map(call)).toEqual(wrong.map(() => 'EINVAL'))
})
