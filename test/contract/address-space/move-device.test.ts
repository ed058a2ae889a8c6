import { describe, expect, onTestFinished, type TestContext, test } from 'vitest'
import { openDevice } from '../../../src/vfio/device.ts'
import { openAddressSpace } from '../../../src/vfio/iommu/open-address-space.ts'
import { EduDriver } from '../drivers/edu-driver.ts'
import { bindForMode } from '../iommu-modes.ts'
import { page } from '../machine.ts'
import { bindPci } from '../pci.ts'

function code(expected: string) {
  return expect.objectContaining({ name: 'VfioError', code: expected })
}

/** An edu in an address space of its own, with a driver, and two address spaces more. */
async function open(context: TestContext) {
  const bound = await bindForMode(context, 'iommufd', 'edu')
  const { kernel, address, group } = bound
  const device = openDevice(kernel, { group, name: address }, { iommu: 'iommufd', addressBits: 28 })
  const [one, other] = [
    openAddressSpace(kernel, { iommu: 'iommufd' }),
    openAddressSpace(kernel, { iommu: 'iommufd' }),
  ] as const
  onTestFinished(() => {
    for (const each of [device, one, other]) each.close()
  })
  return { ...bound, device, edu: new EduDriver(device), one, other }
}

describe('a device', () => {
  test('a device that is moved reaches the buffers of its new address space, and no other', async (context) => {
    const { device, edu, one, other } = await open(context)
    const first = device.dma
    const own = device.addressSpace
    const iova = 0x10_0000n
    await first.allocate(page, { iova })
    device.moveTo(one)
    expect([device.addressSpace, own.closed, first.buffers, one.attached]).toEqual([one, true, [], 1])
    const inOne = await device.dma.allocate(page, { iova })
    inOne.view().fill(0x11)
    device.moveTo(other)
    expect([one.attached, one.closed, other.attached]).toEqual([0, false, 1])
    const inOther = await device.dma.allocate(page, { iova })
    inOther.view().fill(0x22)
    await edu.fetch(iova, 16)
    device.moveTo(one)
    await edu.store(iova + 16n, 16)
    expect(inOne.view().subarray(0, 40)).toEqual(
      Uint8Array.from({ length: 40 }, (_, at) => (at >= 16 && at < 32 ? 0x22 : 0x11)),
    )
    expect(inOther.view().every((byte) => byte === 0x22)).toBe(true)
    expect(device.dma.buffers).toEqual([inOne])
    // both stay for whoever opened them
    device.close()
    expect([one.closed, one.attached, inOne.closed, inOther.closed]).toEqual([false, 0, false, false])
  })

  test('a device that is detached reaches nothing until it is moved, also to where it was', async (context) => {
    const { device, edu } = await open(context)
    const buffer = await device.dma.allocate(page)
    buffer.view().fill(0x33)
    await edu.fetch(buffer.iova, 16)
    buffer.view().fill(0)
    device.detach()
    device.detach()
    await edu.store(buffer.iova, 16)
    expect(buffer.view().every((byte) => byte === 0)).toBe(true)
    device.moveTo(device.addressSpace)
    await edu.fetch(buffer.iova, 16)
    buffer.view().fill(0x44)
    await edu.store(buffer.iova, 16)
    expect(buffer.view().subarray(0, 16)).toEqual(new Uint8Array(16))
  })

  test('a device that cannot go to an address space stays where it is', async (context) => {
    const { kernel, device, edu, one } = await open(context)
    const buffer = await device.dma.allocate(page)
    const before = device.addressSpace
    using container = openAddressSpace(kernel, { iommu: 'type1v2' })
    expect(() => device.moveTo(container)).toThrow(code('NOT_SUPPORTED'))
    one.close()
    expect(() => device.moveTo(one)).toThrow(code('CLOSED'))
    expect(device.addressSpace).toBe(before)
    buffer.view().fill(0x55)
    await edu.copy(buffer.iova, buffer.iovaOf(64), 16)
    expect(buffer.view()[64]).toBe(0x55)
  })

  test('is not moved away from another of its group, as they go together: DEVICE_BUSY', async (context) => {
    const first = await bindForMode(context, 'iommufd', 'edu-shared-1')
    const second = await bindPci(context, 'edu-shared-2', first)
    const { kernel } = first
    using from = openAddressSpace(kernel, { iommu: 'iommufd' })
    using to = openAddressSpace(kernel, { iommu: 'iommufd' })
    const device = openDevice(kernel, { group: first.group, name: first.address }, { addressSpace: from })
    const sibling = openDevice(kernel, { group: second.group, name: second.address }, { addressSpace: from })
    expect(() => device.moveTo(to)).toThrow(code('DEVICE_BUSY'))
    expect([device.addressSpace, from.attached, to.attached]).toEqual([from, 2, 0])
    sibling.close()
    device.moveTo(to)
    expect([device.addressSpace, from.attached, to.attached]).toEqual([to, 0, 1])
    // the group has gone with it
    expect(() => openDevice(kernel, { group: second.group, name: second.address }, { addressSpace: from })).toThrow(
      code('DEVICE_BUSY'),
    )
    openDevice(kernel, { group: second.group, name: second.address }).close()
  })

  test.for(['type1', 'type1v2', 'compat-type1', 'compat-type1v2'] as const)(
    'a device of mode %s is not moved: NOT_SUPPORTED, and why',
    async (mode, context) => {
      const { kernel, address, group } = await bindForMode(context, mode, 'edu')
      using device = openDevice(kernel, { group, name: address }, { iommu: mode })
      using space = openAddressSpace(kernel, { iommu: mode })
      const refused = expect.objectContaining({
        code: 'NOT_SUPPORTED',
        message: expect.stringContaining('a container translates for whole groups'),
        hint: expect.stringContaining("{ iommu: 'iommufd' }"),
      })
      expect(() => device.moveTo(space)).toThrow(refused)
      expect(() => device.detach()).toThrow(refused)
      expect([device.addressSpace.attached, space.attached]).toEqual([1, 0])
    },
  )
})
