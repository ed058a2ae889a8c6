import { describe, expect, onTestFinished, test } from 'vitest'
import { openDevice } from '../../src/vfio/device.ts'
import { openMdev } from './open-mdev.ts'
import { bindPci, openPci, type PciName } from './pci.ts'

const noReset = expect.objectContaining({ code: 'NOT_SUPPORTED', message: expect.stringContaining('no reset') })
const resettable: readonly PciName[] = ['edu-root-port', 'e1000e', 'nvme']
const notResettable: readonly PciName[] = ['edu', 'xhci']

describe('a reset', () => {
  test.for(resettable)(
    'a reset of %s succeeds, as its flag says, and the device answers afterwards',
    async (name, context) => {
      const { device } = await openPci(context, name)
      expect(device.info.flags.reset).toBe(true)
      const { vendorId, deviceId } = device.pci.configSpace().header
      await device.reset()
      expect(device.pci.configSpace().header).toMatchObject({ vendorId, deviceId })
      expect(device.pci.memoryDecode).toBe(true)
    },
  )

  test.for(resettable)('a reset of %s can be had again at once', async (name, context) => {
    const { device } = await openPci(context, name)
    await device.reset()
    await device.reset()
    expect(device.pci.memoryDecode).toBe(true)
  })

  test.for(notResettable)('a reset of %s is NOT_SUPPORTED, as its flag says', async (name, context) => {
    const { device } = await openPci(context, name)
    expect(device.info.flags.reset).toBe(false)
    await expect(device.reset()).rejects.toEqual(noReset)
  })

  test('a reset of mtty is NOT_SUPPORTED: its driver would say yes and do nothing', async (context) => {
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

describe('reset_method', () => {
  test('an empty line turns every reset off: neither sysfs nor VFIO has one; default brings them back', async (context) => {
    const { kernel, group, address } = await bindPci(context, 'nvme')
    const { files } = kernel
    const folder = `/sys/bus/pci/devices/${address}`
    const method = `${folder}/reset_method`
    const before = files.read(method)
    onTestFinished(() => files.write(method, 'default'))
    for (const line of ['\n', ' \n']) {
      await files.write(method, line)
      expect(files.read(method)).toBe('')
      await expect(files.write(`${folder}/reset`, '1')).rejects.toMatchObject({ code: 'ENOTTY' })
      using device = openDevice(kernel, { group, name: address })
      expect(device.info.flags.reset).toBe(false)
      await expect(device.reset()).rejects.toMatchObject({
        code: 'NOT_SUPPORTED',
        message: `cannot reset device ${address}: every way to reset it is turned off: /sys/bus/pci/devices/${address}/reset_method is empty`,
        hint: expect.stringContaining(`echo default > /sys/bus/pci/devices/${address}/reset_method`),
      })
      await files.write(method, 'default\n')
      expect(files.read(method)).toBe(before)
    }
    using device = openDevice(kernel, { group, name: address })
    await device.reset()
    // what was turned off while the device is open shows at the next reset
    await files.write(method, '\n')
    await expect(device.reset()).rejects.toMatchObject({ code: 'NOT_SUPPORTED', errno: 'ENOTTY' })
  })

  test('takes an order of the ways there are, spaces between them; what it does not take changes nothing', async (context) => {
    const { kernel, address } = await bindPci(context, 'nvme')
    const { files } = kernel
    const method = `/sys/bus/pci/devices/${address}/reset_method`
    onTestFinished(() => files.write(method, 'default'))
    const [first = '', ...others] = files.read(method).trim().split(' ')
    await files.write(method, `  ${first}   ${first}\n`)
    expect(files.read(method)).toBe(`${first} ${first}\n`)
    for (const refused of ['none', `${first},${first}`, 'default flr', Array(8).fill(first).join(' ')]) {
      await expect(files.write(method, refused)).rejects.toMatchObject({ code: 'EINVAL' })
      expect(files.read(method)).toBe(`${first} ${first}\n`)
    }
    await files.write(method, 'default')
    expect(files.read(method)).toBe(`${[first, ...others].join(' ')}\n`)
  })
})
