import { describe, expect, onTestFinished, test } from 'vitest'
import { kernelOrder } from '../../../src/base/byte-order.ts'
import { findDeviceNode, isNoiommuGroup } from '../../../src/host/device-node.ts'
import { extension, vfioIommuType1Info } from '../../../src/uapi/container.ts'
import { request } from '../../../src/uapi/requests.ts'
import { encode } from '../../../src/uapi/struct.ts'
import { openDevice } from '../../../src/vfio/device.ts'
import { openContainer } from '../../../src/vfio/group/container.ts'
import { NoiommuDevices, NoiommuGroups } from '../../../src/vfio/iommu/noiommu-address-space.ts'
import { openAddressSpace } from '../../../src/vfio/iommu/open-address-space.ts'
import { allocate } from '../iommu-modes.ts'
import { page } from '../machine.ts'
import { bindWithoutIommu } from './without-iommu.ts'

function code(expected: string) {
  return expect.objectContaining({ name: 'VfioError', code: expected })
}

describe('without an IOMMU', () => {
  test('a device opens by itself in mode noiommu, and works', async (context) => {
    const { kernel, address } = await bindWithoutIommu(context, 'edu')
    using device = openDevice(kernel, address)
    expect(device.iommuMode).toBe('noiommu')
    expect(device.regions.config.read32(0)).toBe(0x11e81234)
    device.close()
    for (const iommu of ['type1v2', 'iommufd'] as const) {
      expect(() => openDevice(kernel, address, { iommu })).toThrow(code('NOT_SUPPORTED'))
    }
  })

  test('nothing is mapped', async (context) => {
    const { kernel, address } = await bindWithoutIommu(context, 'edu')
    using device = openDevice(kernel, address)
    const memory = allocate(kernel, page)
    const { addressSpace: space } = device
    expect(() => space.map({ iova: 0n, memory, offset: 0, size: page, access: 'rw' })).toThrow(code('NOT_SUPPORTED'))
    expect([space.ranges(), space.availableMappings(), space.pageSize]).toEqual([[], null, page])
    expect([space.unmap(0n, BigInt(page)), space.unmapAll()]).toEqual([0n, 0n])
  })

  test('each page of memory has a physical address of its own, the same each time', async (context) => {
    const { kernel, address } = await bindWithoutIommu(context, 'edu')
    using device = openDevice(kernel, address)
    const memory = allocate(kernel, 16 * page)
    const pages = device.addressSpace.physicalPages(memory, 0, 16 * page)
    expect(new Set(pages).size).toBe(16)
    expect(pages.every((it) => it > 0n && it % BigInt(page) === 0n)).toBe(true)
    expect(device.addressSpace.physicalPages(memory, 8 * page, 2 * page)).toEqual(pages.slice(8, 10))
    expect(() => device.addressSpace.physicalPages(memory, 16 * page, page)).toThrow(code('OUT_OF_RANGE'))
  })

  test('the group node and the device node tell the same addresses', async (context) => {
    const { kernel, address } = await bindWithoutIommu(context, 'edu')
    const { group } = address
    if (findDeviceNode(kernel.files, address) === null) context.skip('this kernel has no device nodes without an IOMMU')
    if (group === null || !isNoiommuGroup(kernel.files, group))
      context.skip('this kernel has no groups without an IOMMU')
    const memory = kernel.allocateMemory({ size: 4 * page, kind: 'anonymous' })
    const byDevice = openAddressSpace(kernel, { iommu: 'noiommu' })
    expect(byDevice).toBeInstanceOf(NoiommuDevices)
    openDevice(kernel, address, { addressSpace: byDevice })
    const pages = byDevice.physicalPages(memory, 0, 4 * page)
    byDevice.close()
    using byGroup = new NoiommuGroups(openContainer(kernel))
    openDevice(kernel, address, { addressSpace: byGroup })
    expect(byGroup.physicalPages(memory, 0, 4 * page)).toEqual(pages)
  })

  test('a container has IOMMU type 8 and no other, and answers nothing about mappings', async (context) => {
    const { kernel, address } = await bindWithoutIommu(context, 'edu')
    if (address.group === null) context.skip('this kernel has no groups without an IOMMU')
    const [container, group] = [
      kernel.open('/dev/vfio/vfio', 'rw'),
      kernel.open(`/dev/vfio/noiommu-${address.group}`, 'rw'),
    ]
    onTestFinished(() => {
      for (const fd of [group, container]) kernel.close(fd)
    })
    const bytes = new Uint8Array(4)
    new DataView(bytes.buffer).setInt32(0, container, kernelOrder)
    kernel.ioctl(group, request.VFIO_GROUP_SET_CONTAINER, bytes)
    const has = (number: number) => kernel.ioctl(container, request.VFIO_CHECK_EXTENSION, number)
    expect(Object.values(extension).filter((number) => has(number) > 0)).toEqual([extension.VFIO_NOIOMMU_IOMMU])
    expect(() => kernel.ioctl(container, request.VFIO_SET_IOMMU, extension.VFIO_TYPE1v2_IOMMU)).toThrow(
      expect.objectContaining({ code: 'ENODEV' }),
    )
    kernel.ioctl(container, request.VFIO_SET_IOMMU, extension.VFIO_NOIOMMU_IOMMU)
    const info = encode(vfioIommuType1Info, { argsz: vfioIommuType1Info.size })
    expect(() => kernel.ioctl(container, request.VFIO_IOMMU_GET_INFO, info)).toThrow(
      expect.objectContaining({ code: 'ENOTTY' }),
    )
  })
})
