import { describe, expect, onTestFinished, test } from 'vitest'
import { type DeviceAddress, findDeviceNode } from '../../../src/host/device-node.ts'
import type { Kernel } from '../../../src/kernel/kernel.ts'
import { bindIommufdFlag, vfioDeviceBindIommufd } from '../../../src/uapi/device.ts'
import { request } from '../../../src/uapi/requests.ts'
import { encode } from '../../../src/uapi/struct.ts'
import { type Device, openDevice } from '../../../src/vfio/device.ts'
import { bindForMode, type TranslatingMode, translatingModes } from '../iommu-modes.ts'
import { errnoOf } from '../kernel-answer.ts'
import { bindWithFunctions } from '../pci/sriov.ts'
import { openPci } from '../pci.ts'

const token = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1001'
const other = '9f2c6a0e-6a44-4c8f-9a3d-0d7f1b9b2c55'

function code(expected: string) {
  return expect.objectContaining({ name: 'VfioError', code: expected })
}

function open(kernel: Kernel, address: DeviceAddress, iommu: TranslatingMode, vfToken?: string): Device {
  const device = openDevice(kernel, address, { iommu, ...(vfToken === undefined ? {} : { vfToken }) })
  onTestFinished(() => device.close())
  return device
}

describe.each(translatingModes)('in mode %s, a virtual function', (mode) => {
  test('opens with the token of its physical one, and with no other', async (context) => {
    const { kernel, physical, virtual } = await bindWithFunctions(context, mode, 1)
    const [first] = virtual
    if (first === undefined) return
    open(kernel, physical, mode, token)
    expect(() => open(kernel, first, mode)).toThrow(
      expect.objectContaining({
        code: 'PERMISSION_DENIED',
        errno: 'EACCES',
        message: expect.stringContaining(`a virtual function of ${physical.name}, and no VF token was given`),
        hint: expect.stringContaining('vfToken'),
        facts: { device: first.name, physicalFunction: physical.name },
      }),
    )
    expect(() => open(kernel, first, mode, other)).toThrow(
      expect.objectContaining({
        code: 'PERMISSION_DENIED',
        message: expect.stringContaining('the VF token is another'),
      }),
    )
    const device = open(kernel, first, mode, token)
    expect(device.info.flags.pci).toBe(true)
    expect(device.regions.bar0.size).toBeGreaterThan(0)
  })

  test('asks for the token also once its physical one is closed', async (context) => {
    const { kernel, physical, virtual } = await bindWithFunctions(context, mode, 1)
    const [first] = virtual
    if (first === undefined) return
    open(kernel, physical, mode, token).close()
    expect(() => open(kernel, first, mode)).toThrow(code('PERMISSION_DENIED'))
    expect(() => open(kernel, first, mode, other)).toThrow(code('PERMISSION_DENIED'))
    expect(open(kernel, first, mode, token.toUpperCase()).closed).toBe(false)
  })

  test('asks for the token that was set last', async (context) => {
    const { kernel, physical, virtual } = await bindWithFunctions(context, mode, 1)
    const [first] = virtual
    if (first === undefined) return
    open(kernel, physical, mode, token).setVfToken(other)
    expect(() => open(kernel, first, mode)).toThrow(code('PERMISSION_DENIED'))
    expect(() => open(kernel, first, mode, token)).toThrow(code('PERMISSION_DENIED'))
    expect(open(kernel, first, mode, other).closed).toBe(false)
  })
})

describe.each(['type1v2', 'iommufd'] as const)('in mode %s, a VF token', (mode) => {
  test('is asked of the physical function too, once a virtual one is open', async (context) => {
    const { kernel, physical, virtual } = await bindWithFunctions(context, mode, 2)
    const [first, second] = virtual
    if (first === undefined || second === undefined) return
    open(kernel, physical, mode, token).close()
    open(kernel, first, mode, token)
    expect(() => open(kernel, physical, mode)).toThrow(
      expect.objectContaining({
        code: 'PERMISSION_DENIED',
        message: expect.stringContaining('virtual functions of it are in use, and no VF token was given'),
      }),
    )
    expect(() => open(kernel, physical, mode, other)).toThrow(code('PERMISSION_DENIED'))
    expect(open(kernel, physical, mode, token).closed).toBe(false)
    expect(open(kernel, second, mode, token).closed).toBe(false)
  })

  test('is INVALID_ARGUMENT for what is no SR-IOV function', async (context) => {
    const { kernel, address, group } = await bindForMode(context, mode, 'edu')
    expect(() => open(kernel, { group, name: address }, mode, token)).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT', errno: 'EINVAL', hint: 'leave out vfToken' }),
    )
    expect(open(kernel, { group, name: address }, mode).closed).toBe(false)
  })
})

test('a VF token is a UUID', async (context) => {
  const { kernel, device, address, group } = await openPci(context, 'edu')
  expect(() => device.setVfToken('secret')).toThrow(code('INVALID_ARGUMENT'))
  expect(() => device.setVfToken(token)).toThrow(code('NOT_SUPPORTED'))
  expect(() => openDevice(kernel, { group, name: address }, { vfToken: 'secret' })).toThrow(code('INVALID_ARGUMENT'))
})

test('a VF token is looked at for a PCI device alone: a mediated one takes none', async (context) => {
  const { kernel, group, address, createMdev, remove } = await bindForMode(context, 'iommufd', 'edu')
  const { uuid, group: mdevGroup } = await createMdev('mtty', 'mtty-1')
  const iommufd = kernel.open('/dev/iommu', 'rw')
  const bind = (name: string, its: number) => {
    const node = kernel.open(findDeviceNode(kernel.files, { group: its, name })?.path ?? '', 'rw')
    const flags = bindIommufdFlag.VFIO_DEVICE_BIND_FLAG_TOKEN
    const bytes = encode(vfioDeviceBindIommufd, { argsz: vfioDeviceBindIommufd.size, iommufd, flags })
    const answer = errnoOf(() => kernel.ioctl(node, request.VFIO_DEVICE_BIND_IOMMUFD, bytes))
    kernel.close(node)
    return answer
  }
  // it is nowhere
  const answers = [bind(address, group), bind(uuid, mdevGroup)]
  kernel.close(iommufd)
  await remove(uuid)
  expect(answers).toEqual(['EFAULT', 'EINVAL'])
})
