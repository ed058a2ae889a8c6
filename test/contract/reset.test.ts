import { describe, expect, test } from 'vitest'
import { openMdev } from './open-mdev.ts'
import { openPci, type PciName } from './pci.ts'

const noReset = expect.objectContaining({ code: 'NOT_SUPPORTED', message: expect.stringContaining('no reset') })
const resettable: readonly PciName[] = ['edu-root-port', 'e1000e', 'nvme']
const notResettable: readonly PciName[] = ['edu', 'xhci']

describe('A3 a reset', () => {
  test.for(resettable)('of %s succeeds, as its flag says, and the device answers afterwards', async (name, context) => {
    const { device } = await openPci(context, name)
    expect(device.info.flags.reset).toBe(true)
    const { vendorId, deviceId } = device.pci.configSpace().header
    await device.reset()
    expect(device.pci.configSpace().header).toMatchObject({ vendorId, deviceId })
    expect(device.pci.memoryDecode).toBe(true)
  })

  test.for(resettable)('of %s can be had again at once', async (name, context) => {
    const { device } = await openPci(context, name)
    await device.reset()
    await device.reset()
    expect(device.pci.memoryDecode).toBe(true)
  })

  test.for(notResettable)('of %s is NOT_SUPPORTED, as its flag says', async (name, context) => {
    const { device } = await openPci(context, name)
    expect(device.info.flags.reset).toBe(false)
    await expect(device.reset()).rejects.toEqual(noReset)
  })

  test('of mtty is NOT_SUPPORTED: its driver would say yes and do nothing', async (context) => {
    const { device } = await openMdev(context, 'mtty', 'mtty-2')
    device.regions.bar0.write8(7, 0x5a)
    await expect(device.reset()).rejects.toEqual(noReset)
    expect(device.regions.bar0.read8(7)).toBe(0x5a)
  })

  test('may be under way when the device is closed: both come to their end', async (context) => {
    const { device } = await openPci(context, 'nvme')
    const done = device.reset()
    device.close()
    await done
    expect(device.closed).toBe(true)
  })
})
