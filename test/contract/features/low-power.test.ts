import { describe, expect, type TestContext, test } from 'vitest'
import { openRaw } from '../irq/irq-raw.ts'
import { errnoOf } from '../kernel-answer.ts'
import { openMdev } from '../open-mdev.ts'
import { bindPci, type OpenPci, openPci, type PciName } from '../pci.ts'

function code(expected: string) {
  return expect.objectContaining({ name: 'VfioError', code: expected })
}

const every: readonly PciName[] = ['edu', 'edu-root-port', 'e1000e', 'nvme']

/**
 * Devices sleep only where the kernel has power management (CONFIG_PM), which the newest kernel of the virtual machine has
 * not, and a moment after they may; on the mock at once.
 */
async function untilAsleep(
  { skip }: TestContext,
  { name, kernel, address }: Pick<OpenPci, 'name' | 'kernel' | 'address'>,
): Promise<void> {
  if (name === 'mock') return
  const status = `/sys/bus/pci/devices/${address}/power/runtime_status`
  if (kernel.files.kind(status) === null) skip('this kernel has no power management')
  await expect.poll(() => kernel.files.read(status)).toBe('suspended\n')
}

describe('low power', () => {
  test.for(every)('takes the mapped memory of %s away, and gives it back', async (name, context) => {
    const { device } = await openPci(context, name)
    const mapped = device.regions.bar0.map()
    const before = mapped.read32(8)
    for (let time = 0; time < 2; time++) {
      const asleep = device.enterLowPower()
      expect(() => mapped.read32(8)).toThrow(code('DEVICE_MEMORY_GONE'))
      expect(() => mapped.readInto(8, new Uint8Array(4))).toThrow(code('DEVICE_MEMORY_GONE'))
      asleep.close()
      expect(mapped.read32(8)).toBe(before)
    }
  })

  test('lets a trapped access through, for which the device wakes up, and goes on', async (context) => {
    const { device } = await openPci(context, 'nvme')
    const { bar0, config } = device.regions
    const mapped = bar0.map()
    const version = bar0.read32(8)
    using _asleep = device.enterLowPower()
    expect(config.read16(0)).toBe(0x1b36)
    expect(bar0.read32(8)).toBe(version)
    expect(() => mapped.read32(8)).toThrow(code('DEVICE_MEMORY_GONE'))
  })

  test('is entered once at a time', async (context) => {
    const { device } = await openPci(context, 'nvme')
    const asleep = device.enterLowPower()
    expect(() => device.enterLowPower()).toThrow(code('DEVICE_BUSY'))
    expect(() => device.enterLowPower({ wakeup: true })).toThrow(code('DEVICE_BUSY'))
    await expect(asleep.woken()).rejects.toEqual(code('INVALID_ARGUMENT'))
    asleep.close()
    asleep.close()
    using again = device.enterLowPower({ wakeup: true })
    expect(again.closed).toBe(false)
  })

  test('low power with wake-up ends when an access wakes the device, and says so', async (context) => {
    const opened = await openPci(context, 'nvme')
    const { device } = opened
    const mapped = device.regions.bar0.map()
    const version = mapped.read32(8)
    using asleep = device.enterLowPower({ wakeup: true })
    await untilAsleep(context, opened)
    expect(() => mapped.read32(8)).toThrow(code('DEVICE_MEMORY_GONE'))
    const both = Promise.all([asleep.woken(), asleep.woken()])
    expect(device.regions.config.read16(0)).toBe(0x1b36)
    await both
    await asleep.woken()
    expect(mapped.read32(8)).toBe(version)
  })

  test('low power with wake-up ends at any call, even one that is refused', async (context) => {
    const opened = await openPci(context, 'edu')
    const { device } = opened
    using asleep = device.enterLowPower({ wakeup: true })
    await untilAsleep(context, opened)
    expect(() => device.features.get('migration', new Uint8Array(8))).toThrow(code('NOT_SUPPORTED'))
    await asleep.woken()
    expect(device.regions.bar0.map().read32(0)).toBe(0x0100_00ed)
  })

  test('low power with wake-up stays on at an access to a region that is not there', async (context) => {
    const bound = await bindPci(context, 'edu')
    const { kernel, group, address } = bound
    const { device, descriptor } = openRaw(kernel, { group, name: address })
    const mapped = device.regions.bar0.map()
    using _asleep = device.enterLowPower({ wakeup: true })
    await untilAsleep(context, bound)
    const behindTheLast = 9 * 2 ** 40
    expect(errnoOf(() => kernel.pread(descriptor.fd, new Uint8Array(4), behindTheLast))).toBe('EINVAL')
    expect(errnoOf(() => kernel.pwrite(descriptor.fd, new Uint8Array(4), behindTheLast))).toBe('EINVAL')
    expect(() => mapped.read32(8)).toThrow(code('DEVICE_MEMORY_GONE'))
  })

  test('is left where the device is closed, and whoever waits is told', async (context) => {
    const { device } = await openPci(context, 'nvme')
    const asleep = device.enterLowPower({ wakeup: true })
    const waiting = expect(asleep.woken()).rejects.toEqual(code('CLOSED'))
    device.close()
    expect(asleep.closed).toBe(true)
    await waiting
  })

  test('is NOT_SUPPORTED of mtty, which has no features before Linux 6.7 and this one never', async (context) => {
    const { device } = await openMdev(context, 'mtty', 'mtty-2')
    expect(() => device.enterLowPower()).toThrow(code('NOT_SUPPORTED'))
    expect(() => device.enterLowPower({ wakeup: true })).toThrow(code('NOT_SUPPORTED'))
  })
})
