import { describe, expect, test } from 'vitest'
import { findDeviceUsers } from '../../src/host/device-users.ts'
import { describeDevice } from '../../src/vfio/describe-device.ts'
import { openDevice } from '../../src/vfio/device.ts'
import { contractKernel, isLinuxBefore } from './kernel.ts'
import { openMdev } from './open-mdev.ts'

function code(expected: string, errno: string | null = null) {
  return expect.objectContaining({ code: expected, errno })
}

describe('an opened mediated device', () => {
  test('sits in its own group, and in iommufd where that is, else a container with a type1v2 IOMMU', async (context) => {
    const { device, kernel, uuid, group } = await openMdev(context, 'mtty', 'mtty-1')
    expect([device.name, device.group]).toEqual([uuid, group])
    expect(device.iommuMode).toBe(kernel.files.kind('/dev/vfio/devices') === null ? 'type1v2' : 'iommufd')
  })

  test('is a PCI device without reset, of 9 regions and 5 irqs (mtty)', async (context) => {
    const { device } = await openMdev(context, 'mtty', 'mtty-2')
    const { flags, ...rest } = device.info
    expect(
      Object.keys(flags).filter((flag) => Object.entries(flags).some(([name, set]) => name === flag && set)),
    ).toEqual(['pci'])
    expect(rest).toEqual({ numRegions: 9, numIrqs: 5, capabilities: [] })
  })

  test('is described in JSON', async (context) => {
    const { device, uuid, group } = await openMdev(context, 'mtty', 'mtty-1')
    const description = describeDevice(device)
    expect(JSON.parse(JSON.stringify(description))).toEqual(description)
    expect(description).toMatchObject({ name: uuid, group, iommuMode: device.iommuMode, numRegions: 9, numIrqs: 5 })
    expect(description.regions[7]).toEqual({
      index: 7,
      name: 'config',
      size: '0xff',
      offset: '0x70000000000',
      flags: { read: true, write: true, mmap: false },
      capabilities: [],
    })
  })

  test('cannot be opened a second time, and can once it is closed', async (context) => {
    const { device, kernel, uuid, group } = await openMdev(context, 'mtty', 'mtty-1')
    expect(() => openDevice(kernel, { group, name: uuid })).toThrow(code('DEVICE_BUSY'))
    device.close()
    const again = openDevice(kernel, { group, name: uuid })
    expect(again.regions.config.read16(0)).toBe(0x4348)
    again.close()
  })

  test('is told by /proc as the one behind its descriptor, from 6.18 on', async (context) => {
    const { device, kernel, uuid } = await openMdev(context, 'mtty', 'mtty-1')
    const users = () => findDeviceUsers(kernel.files, new Set([uuid])).get(uuid)
    if (isLinuxBefore({ kernel }, 6, 18)) expect(users()).toBe(undefined)
    else expect(users()).toMatchObject([{ pid: kernel.pid }])
    device.close()
    expect(users()).toBe(undefined)
  })

  test('answers nothing once it is closed', async (context) => {
    const { device } = await openMdev(context, 'mtty', 'mtty-1')
    const { config } = device.regions
    device.close()
    device.close()
    expect(() => config.read16(0)).toThrow(code('CLOSED'))
    expect(() => device.regions.bar0).toThrow(code('CLOSED'))
    expect(() => [...device.irqs]).toThrow(code('CLOSED'))
    expect(() => device.addressSpace.ranges()).toThrow(code('CLOSED'))
  })
})

describe('opening', () => {
  test('a device that its group does not have is NOT_FOUND, names those it has, and leaves the group free', async (context) => {
    const { device, kernel, uuid, group } = await openMdev(context, 'mtty', 'mtty-1')
    device.close()
    const name = '00000000-0000-4000-8000-000000000000'
    expect(() => openDevice(kernel, { group, name })).toThrow(
      expect.objectContaining({ code: 'NOT_FOUND', errno: 'ENODEV', facts: { devices: [uuid] } }),
    )
    openDevice(kernel, { group, name: uuid }).close()
  })

  test('a group that is not there is NOT_FOUND', () => {
    const { kernel } = contractKernel()
    expect(() => openDevice(kernel, { group: 999_999, name: 'any' })).toThrow(code('NOT_FOUND', 'ENOENT'))
  })
})
