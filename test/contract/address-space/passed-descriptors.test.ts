import { describe, expect, onTestFinished, type TestContext, test } from 'vitest'
import { findDeviceNode } from '../../../src/host/device-node.ts'
import type { Kernel } from '../../../src/kernel/kernel.ts'
import { openDevice } from '../../../src/vfio/device.ts'
import { bindForMode } from '../iommu-modes.ts'
import { bindPci, type PciName } from '../pci.ts'

const eduId = 0x0100_00ed

/** What somebody with rights on the nodes opens: the device's own, and iommufd. */
async function openNodes(context: TestContext, name: PciName = 'edu') {
  const bound = await bindForMode(context, 'iommufd', name)
  const { kernel, group, address } = bound
  const node = findDeviceNode(kernel.files, { group, name: address })?.path ?? ''
  const [iommufd, device] = openFiles(kernel, '/dev/iommu', node)
  return { ...bound, node, iommufd, device, at: { group, name: address } }
}

/** The same of VFIO's group. */
async function openGroupNodes(context: TestContext, name: PciName = 'edu') {
  const bound = await bindPci(context, name)
  const { kernel, group, address } = bound
  const [container, node] = openFiles(kernel, '/dev/vfio/vfio', `/dev/vfio/${group}`)
  return { ...bound, container, node, at: { group, name: address } }
}

/** Those that the test leaves open are closed after it. */
function openFiles<const T extends readonly string[]>(kernel: Kernel, ...paths: T): { [K in keyof T]: number } {
  const opened = paths.map((path) => {
    const fd = kernel.open(path, 'rw')
    onTestFinished(() => {
      if (isOpen(kernel, fd)) kernel.close(fd)
    })
    return fd
  })
  return opened as { [K in keyof T]: number }
}

function isOpen(kernel: Kernel, fd: number): boolean {
  try {
    kernel.deviceNumber(fd)
    return true
  } catch {
    return false
  }
}

describe("descriptors of a device's own node and of iommufd", () => {
  test('open the device, and are closed with it', async (context) => {
    const { kernel, at, iommufd, device: fd } = await openNodes(context)
    const device = openDevice(kernel, at, { passed: { iommufd, devices: { [at.name]: fd } } })
    expect(device.iommuMode).toBe('iommufd')
    expect(device.regions.bar0.read32(0) & 0xffff_00ff).toBe(eduId)
    device.close()
    expect([isOpen(kernel, iommufd), isOpen(kernel, fd)]).toEqual([false, false])
  })

  test('stay the caller’s if one is not what is said', async (context) => {
    const { kernel, at, iommufd, device } = await openNodes(context)
    const { name } = at
    const refused = (passed: { iommufd?: number; devices: Record<string, number> }, message: string) =>
      expect(() => openDevice(kernel, at, { passed })).toThrow(
        expect.objectContaining({ code: 'INVALID_ARGUMENT', message: expect.stringContaining(message) }),
      )
    refused({ iommufd, devices: { [name]: iommufd } }, `not the node of ${name}: it is /dev/iommu`)
    refused({ iommufd: device, devices: { [name]: device } }, `not /dev/iommu: it is the node of ${name}`)
    refused({ iommufd: 9999, devices: { [name]: device } }, 'descriptor 9999 is not /dev/iommu: it is not open')
    const counter = kernel.eventfd()
    refused({ iommufd, devices: { [name]: counter } }, 'it is no file of VFIO or iommufd')
    for (const fd of [iommufd, device, counter]) {
      expect(isOpen(kernel, fd)).toBe(true)
      kernel.close(fd)
    }
  })

  test('are closed if another user has the device', async (context) => {
    const { kernel, at, node, iommufd, device } = await openNodes(context)
    const [second] = openFiles(kernel, node)
    const first = openDevice(kernel, at, { passed: { iommufd, devices: { [at.name]: device } } })
    expect(() => openDevice(kernel, at, { passed: { iommufd, devices: { [at.name]: second } } })).toThrow(
      expect.objectContaining({ code: 'DEVICE_BUSY' }),
    )
    expect([isOpen(kernel, second), isOpen(kernel, device), isOpen(kernel, iommufd)]).toEqual([false, true, true])
    expect(() => openDevice(kernel, at, { passed: { iommufd, devices: { [at.name]: device } } })).toThrow(
      expect.objectContaining({ code: 'DEVICE_BUSY', message: `descriptor ${device} is in use by this host already` }),
    )
    expect(first.regions.bar0.read32(0) & 0xffff_00ff).toBe(eduId)
    first.close()
    expect([isOpen(kernel, device), isOpen(kernel, iommufd)]).toEqual([false, false])
  })

  test('serve several devices with one iommufd', async (context) => {
    const bound = await openNodes(context)
    const { kernel, at, iommufd, device } = bound
    const other = await bindPci(context, 'edu-root-port', bound)
    const address = { group: other.group, name: other.address }
    const [second] = openFiles(kernel, findDeviceNode(kernel.files, address)?.path ?? '')
    const passed = { iommufd, devices: { [at.name]: device, [address.name]: second } }
    const [one, two] = [openDevice(kernel, at, { passed }), openDevice(kernel, address, { passed })]
    expect(one.addressSpace).not.toBe(two.addressSpace)
    one.close()
    expect(isOpen(kernel, iommufd)).toBe(true)
    expect(two.regions.bar0.read32(0) & 0xffff_00ff).toBe(eduId)
    two.close()
    expect(isOpen(kernel, iommufd)).toBe(false)
  })
})

describe('descriptors of a group and of a container', () => {
  test('open the device, and are closed with it', async (context) => {
    const { kernel, at, group, container, node } = await openGroupNodes(context)
    const device = openDevice(kernel, at, { passed: { container, groups: { [group]: node } } })
    expect(device.iommuMode).toBe('type1v2')
    expect(device.regions.bar0.read32(0) & 0xffff_00ff).toBe(eduId)
    device.close()
    expect([isOpen(kernel, container), isOpen(kernel, node)]).toEqual([false, false])
  })

  test('serve every device of the group', async (context) => {
    const { kernel, at, group, container, node } = await openGroupNodes(context, 'edu-shared-1')
    const passed = { container, groups: { [group]: node } }
    const [one, two] = [
      openDevice(kernel, at, { passed }),
      openDevice(kernel, { group, name: '0000:02:02.0' }, { passed }),
    ]
    expect(two.addressSpace).toBe(one.addressSpace)
    one.close()
    expect(two.regions.bar0.read32(0) & 0xffff_00ff).toBe(eduId)
    two.close()
    expect([isOpen(kernel, container), isOpen(kernel, node)]).toEqual([false, false])
  })

  test('stay the caller’s if one is not what is said, and are closed if the kernel refuses', async (context) => {
    const { kernel, at, group, container, node } = await openGroupNodes(context)
    expect(() => openDevice(kernel, at, { passed: { container, groups: { [group]: container } } })).toThrow(
      expect.objectContaining({
        code: 'INVALID_ARGUMENT',
        message: `descriptor ${container} is not group ${group}: it is /dev/vfio/vfio`,
      }),
    )
    expect(() => openDevice(kernel, at, { passed: { container } })).toThrow(
      expect.objectContaining({ code: 'NOT_FOUND' }),
    )
    expect([isOpen(kernel, container), isOpen(kernel, node)]).toEqual([true, true])
    const stranger = { group, name: '0000:7f:00.0' }
    expect(() => openDevice(kernel, stranger, { passed: { container, groups: { [group]: node } } })).toThrow(
      expect.objectContaining({ code: 'NOT_FOUND' }),
    )
    expect([isOpen(kernel, container), isOpen(kernel, node)]).toEqual([false, false])
  })
})
