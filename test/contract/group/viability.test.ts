import { execFileSync } from 'node:child_process'
import { describe, expect, onTestFinished, test } from 'vitest'
import { kernelOrder } from '../../../src/base/byte-order.ts'
import { findDeviceNode } from '../../../src/host/device-node.ts'
import type { Kernel } from '../../../src/kernel/kernel.ts'
import { createMockKernel } from '../../../src/mock/kernel/mock-kernel.ts'
import { decodeGroupStatus, vfioGroupStatus } from '../../../src/uapi/container.ts'
import { vfioDeviceBindIommufd } from '../../../src/uapi/device.ts'
import { request } from '../../../src/uapi/requests.ts'
import { encode } from '../../../src/uapi/struct.ts'
import { openDevice } from '../../../src/vfio/device.ts'
import { skipWithoutMode } from '../iommu-modes.ts'
import { type ContractKernel, contractKernel } from '../kernel.ts'
import { type BoundPci, bindPci, driverOf } from '../pci.ts'
import { vmScenarioUnderTest } from '../vm-scenario.ts'

/** Takes the second device of the shared group away from vfio-pci and gives it to another driver, for one test. */
async function spoil({ kernel }: BoundPci, sibling: string, driver: string | null): Promise<void> {
  const { files } = kernel
  const path = `/sys/bus/pci/devices/${sibling}`
  const give = async (to: string | null) => {
    if (driverOf(files, sibling) !== null) await files.write(`${path}/driver/unbind`, sibling)
    await files.write(`${path}/driver_override`, to ?? '\n')
    if (to !== null) await files.write('/sys/bus/pci/drivers_probe', sibling)
  }
  await give(driver)
  onTestFinished(() => give('vfio-pci'))
}

function groupFlags(kernel: Kernel, fd: number): { viable: boolean; containerSet: boolean } {
  const bytes = encode(vfioGroupStatus, { argsz: vfioGroupStatus.size })
  kernel.ioctl(fd, request.VFIO_GROUP_GET_STATUS, bytes)
  return decodeGroupStatus(bytes)
}

function int32(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setInt32(0, value, kernelOrder)
  return bytes
}

const sibling = '0000:02:02.0'

const foreignDriver = 'uio_pci_generic'

/** A machine with a driver that takes any device for the host: loaded, or made up on the mock. */
function withForeignDriver(): ContractKernel {
  const contract = contractKernel()
  if (contract.name === 'linux') {
    if (contract.kernel.files.kind(`/sys/bus/pci/drivers/${foreignDriver}`) === null)
      execFileSync('modprobe', [foreignDriver])
    return contract
  }
  const vmScenario = vmScenarioUnderTest()
  const pci = vmScenario.pci.map((device) =>
    device.address === sibling ? { ...device, driver: foreignDriver } : device,
  )
  return { ...contract, kernel: createMockKernel({ ...vmScenario, pci }) }
}

describe('a group of two devices', () => {
  test('both on vfio-pci: it is viable, and each opens', async (context) => {
    const { kernel, group, address } = await bindPci(context, 'edu-shared-1')
    using one = openDevice(kernel, { group, name: address })
    using two = openDevice(kernel, { group, name: sibling })
    expect([one.group, two.group]).toEqual([group, group])
  })

  test('one has no driver: the group is viable, and that one cannot be opened', async (context) => {
    const bound = await bindPci(context, 'edu-shared-1')
    const { kernel, group, address } = bound
    await spoil(bound, sibling, null)
    openDevice(kernel, { group, name: address }, { iommu: 'type1v2' }).close()
    expect(() => openDevice(kernel, { group, name: sibling }, { iommu: 'type1v2' })).toThrow(
      expect.objectContaining({
        code: 'NOT_FOUND',
        errno: 'ENODEV',
        facts: { devices: expect.arrayContaining([address, sibling]) },
      }),
    )
  })

  test('a host driver has one: the group is not viable; the kernel says EPERM, we say who', async (context) => {
    const bound = await bindPci(context, 'edu-shared-1', withForeignDriver())
    const { kernel, group, address } = bound
    await spoil(bound, sibling, foreignDriver)
    expect(driverOf(kernel.files, sibling)).toBe(foreignDriver)
    const [container, fd] = [kernel.open('/dev/vfio/vfio', 'rw'), kernel.open(`/dev/vfio/${group}`, 'rw')]
    try {
      expect(groupFlags(kernel, fd)).toEqual({ viable: false, containerSet: false })
      expect(() => kernel.ioctl(fd, request.VFIO_GROUP_SET_CONTAINER, int32(container))).toThrow(
        expect.objectContaining({ code: 'EPERM' }),
      )
    } finally {
      for (const it of [fd, container]) kernel.close(it)
    }
    expect(() => openDevice(kernel, { group, name: address }, { iommu: 'type1v2' })).toThrow(
      expect.objectContaining({
        code: 'GROUP_NOT_VIABLE',
        message: expect.stringContaining(`${sibling} is still bound to ${foreignDriver}`),
      }),
    )
  })
  test('a host driver has one: the other cannot be bound to iommufd either; EPERM, and we say who', async (context) => {
    const bound = await bindPci(context, 'edu-shared-1', withForeignDriver())
    const { kernel, group, address } = bound
    skipWithoutMode(context, kernel, 'iommufd')
    await spoil(bound, sibling, foreignDriver)
    expect(() => openDevice(kernel, { group, name: address }, { iommu: 'iommufd' })).toThrow(
      expect.objectContaining({
        code: 'GROUP_NOT_VIABLE',
        errno: 'EPERM',
        message: expect.stringContaining(`${sibling} is still bound to ${foreignDriver}`),
        hint: expect.stringContaining(`${sibling}/driver/unbind`),
      }),
    )
    const [iommufd, fd] = [kernel.open('/dev/iommu', 'rw'), kernel.open(`/dev/vfio/${group}`, 'rw')]
    onTestFinished(() => {
      for (const it of [fd, iommufd]) kernel.close(it)
    })
    expect(groupFlags(kernel, fd)).toEqual({ viable: false, containerSet: false })
    // the kernel looks at the drivers no sooner than a device is opened
    kernel.ioctl(fd, request.VFIO_GROUP_SET_CONTAINER, int32(iommufd))
    expect(groupFlags(kernel, fd)).toEqual({ viable: true, containerSet: true })
  })

  test('another iommufd has one: the other cannot be bound; EPERM, and we say which', async (context) => {
    const { kernel, group, address } = await bindPci(context, 'edu-shared-1')
    skipWithoutMode(context, kernel, 'iommufd')
    const node = findDeviceNode(kernel.files, { group, name: sibling })
    const [iommufd, device] = [kernel.open('/dev/iommu', 'rw'), kernel.open(node?.path ?? '', 'rw')]
    try {
      const bytes = encode(vfioDeviceBindIommufd, { argsz: vfioDeviceBindIommufd.size, iommufd })
      kernel.ioctl(device, request.VFIO_DEVICE_BIND_IOMMUFD, bytes)
      expect(() => openDevice(kernel, { group, name: address }, { iommu: 'iommufd' })).toThrow(
        expect.objectContaining({
          code: 'DEVICE_BUSY',
          errno: 'EPERM',
          message: expect.stringContaining(`someone else has a device of its group (${sibling})`),
        }),
      )
    } finally {
      for (const it of [device, iommufd]) kernel.close(it)
    }
    openDevice(kernel, { group, name: address }, { iommu: 'iommufd' }).close()
  })
})
