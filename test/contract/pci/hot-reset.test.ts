import { describe, expect, onTestFinished, type TestContext, test } from 'vitest'
import { openDevice } from '../../../src/vfio/device.ts'
import { openAddressSpace } from '../../../src/vfio/iommu/open-address-space.ts'
import { bindForMode, type TranslatingMode, translatingModes } from '../iommu-modes.ts'
import { openMdev } from '../open-mdev.ts'
import { type OpenPci, openPci, type PciName } from '../pci.ts'
import { bindWithFunctions } from './sriov.ts'

const shared = ['0000:02:01.0', '0000:02:02.0'] as const

function code(expected: string) {
  return expect.objectContaining({ name: 'VfioError', code: expected })
}

async function openInMode(context: TestContext, mode: TranslatingMode, name: PciName): Promise<OpenPci> {
  const bound = await bindForMode(context, mode, name)
  const device = openDevice(bound.kernel, { group: bound.group, name: bound.address }, { iommu: mode })
  onTestFinished(() => device.close())
  return { ...bound, device }
}

describe.each(translatingModes)('in mode %s, a hot reset', (mode) => {
  const tellsGroups = mode !== 'iommufd'

  test.for(['edu-root-port', 'e1000e', 'nvme'] as const)(
    'a reset of %s, alone on its bus, resets it, and its memory answers afterwards',
    async (name, context) => {
      const { device, address, group } = await openInMode(context, mode, name)
      const mapped = device.regions.bar0.map()
      const before = mapped.read32(0x08)
      const config = device.regions.config.read16(4)
      expect(device.affectedByHotReset()).toEqual([{ name: address, group: tellsGroups ? group : null, owned: true }])
      await device.hotReset()
      expect(device.regions.config.read16(4)).toBe(config)
      expect(mapped.read32(0x08)).toBe(before)
      await device.hotReset()
      expect(mapped.read32(0x08)).toBe(before)
    },
  )

  test('a reset of one of two in a group is one of both: nobody else can have the other', async (context) => {
    const { kernel, group } = await bindForMode(context, mode, 'edu-shared-1')
    using space = openAddressSpace(kernel, { iommu: mode })
    using device = openDevice(kernel, { group, name: shared[0] }, { addressSpace: space })
    expect(device.affectedByHotReset()).toEqual(
      shared.map((name) => ({ name, group: tellsGroups ? group : null, owned: true })),
    )
    await device.hotReset()
    using sibling = openDevice(kernel, { group, name: shared[1] }, { addressSpace: space })
    await sibling.hotReset()
    expect([device.regions.bar0.read32(0), sibling.regions.bar0.read32(0)]).toEqual([0x0100_00ed, 0x0100_00ed])
  })

  test('on a root bus is NOT_SUPPORTED', async (context) => {
    const { device } = await openInMode(context, mode, 'edu')
    expect(() => device.affectedByHotReset()).toThrow(
      expect.objectContaining({ code: 'NOT_SUPPORTED', errno: 'ENODEV' }),
    )
    await expect(device.hotReset()).rejects.toEqual(code('NOT_SUPPORTED'))
  })
})

describe.each(['type1v2', 'iommufd'] as const)('in mode %s, a hot reset', (mode) => {
  test('a reset beside a device that VFIO does not have is DEVICE_BUSY, and says which', async (context) => {
    const { kernel, group } = await bindForMode(context, mode, 'edu-shared-1')
    const [name, sibling] = shared
    const path = `/sys/bus/pci/devices/${sibling}`
    await kernel.files.write(`${path}/driver/unbind`, sibling)
    onTestFinished(() => kernel.files.write('/sys/bus/pci/drivers_probe', sibling))
    using device = openDevice(kernel, { group, name }, { iommu: mode })
    await expect(device.hotReset()).rejects.toEqual(
      expect.objectContaining({ code: 'DEVICE_BUSY', message: expect.stringContaining(sibling) }),
    )
  })

  test('a reset of a physical function that has virtual ones is NOT_SUPPORTED, even if all are open here', async (context) => {
    const { kernel, physical, virtual } = await bindWithFunctions(context, mode, 1)
    const [first] = virtual
    if (first === undefined) return
    using space = openAddressSpace(kernel, { iommu: mode })
    using device = openDevice(kernel, physical, { addressSpace: space, vfToken: token })
    using _one = openDevice(kernel, first, { addressSpace: space, vfToken: token })
    expect(device.affectedByHotReset().map(({ name }) => name)).toEqual([physical.name, first.name])
    await expect(device.hotReset()).rejects.toEqual(
      expect.objectContaining({ code: 'NOT_SUPPORTED', facts: { virtualFunctions: [first.name] } }),
    )
  })
})

const token = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1001'

test('a hot reset of a mediated device is NOT_SUPPORTED', async (context) => {
  const opened = await openMdev(context, 'mtty', 'mtty-2')
  await expect(opened.device.hotReset()).rejects.toEqual(code('NOT_SUPPORTED'))
})

test('a hot reset may be under way when the device is closed: both come to their end', async (context) => {
  const { device } = await openPci(context, 'edu-root-port')
  const done = device.hotReset().catch((error: unknown) => error)
  device.close()
  // by then the group may be closed too, which proved that the device may be reset
  expect([undefined, expect.objectContaining({ name: 'VfioError' })]).toContainEqual(await done)
  expect(device.closed).toBe(true)
})
