import { describe, expect, test } from 'vitest'
import { openDevice } from '../../../src/vfio/device.ts'
import { answerDevice, FakeKernel } from './fake-kernel.ts'

const address = { group: 5, name: '0000:00:05.0' }

const steps = [
  'open /dev/vfio/vfio',
  'VFIO_GET_API_VERSION',
  'VFIO_CHECK_EXTENSION 3',
  'open /dev/vfio/5',
  'VFIO_GROUP_GET_STATUS',
  'VFIO_GROUP_SET_CONTAINER',
  'VFIO_SET_IOMMU 3',
  'VFIO_GROUP_GET_DEVICE_FD',
  'VFIO_DEVICE_GET_INFO',
]
const closing = ['close device 0000:00:05.0', 'close /dev/vfio/5', 'close /dev/vfio/vfio']

function code(expected: string) {
  return expect.objectContaining({ code: expected })
}

describe('opening a device', () => {
  test('takes the steps in the one order the kernel allows, and asks for GET_INFO before anything else', () => {
    const kernel = new FakeKernel()
    openDevice(kernel, address)
    expect(kernel.calls).toEqual(steps)
  })

  test('closes the device, its group and its container, in that order and once', async () => {
    const kernel = new FakeKernel()
    const device = openDevice(kernel, address)
    device.close()
    device.close()
    await device[Symbol.asyncDispose]()
    device[Symbol.dispose]()
    expect(kernel.calls.slice(steps.length)).toEqual(closing)
  })

  test('closes the rest although closing the device fails', () => {
    const kernel = new FakeKernel()
    const device = openDevice(kernel, address)
    kernel.failing.set('close device 0000:00:05.0', 'EIO')
    expect(() => device.close()).toThrow(expect.objectContaining({ code: 'SYSTEM_CALL_FAILED', errno: 'EIO' }))
    expect(kernel.descriptors.size).toBe(0)
  })

  test.each(steps)('that fails at %s closes what was open and keeps the error', (step) => {
    const kernel = new FakeKernel()
    kernel.failing.set(step, 'EMFILE')
    kernel.failing.set('close /dev/vfio/5', 'EIO')
    expect(() => openDevice(kernel, address)).toThrow(
      expect.objectContaining({ code: 'SYSTEM_CALL_FAILED', errno: 'EMFILE' }),
    )
    expect(kernel.descriptors.size).toBe(0)
    const closed = kernel.calls.filter((call) => call.startsWith('close'))
    expect(closed).toEqual(closing.slice(closing.length - closed.length))
  })

  test('whose answer makes no sense closes everything', () => {
    const kernel = new FakeKernel()
    kernel.deviceInfo = answerDevice({ flags: 0x80, argsz: 4 })
    expect(() => openDevice(kernel, address)).toThrow(code('MALFORMED_REPLY'))
    expect(kernel.calls.slice(steps.length)).toEqual(closing)
  })

  test('falls back to type1 where there is no type1v2', () => {
    const kernel = new FakeKernel()
    kernel.extensions = [1]
    expect(openDevice(kernel, address).iommuMode).toBe('type1')
    expect(kernel.calls).toContain('VFIO_SET_IOMMU 1')
  })

  test('without any type1 is NOT_SUPPORTED, with the module that brings it', () => {
    const kernel = new FakeKernel()
    kernel.extensions = []
    expect(() => openDevice(kernel, address)).toThrow(
      expect.objectContaining({ code: 'NOT_SUPPORTED', hint: 'modprobe vfio_iommu_type1' }),
    )
  })

  test('on a VFIO of another API version is NOT_SUPPORTED', () => {
    const kernel = new FakeKernel()
    kernel.apiVersion = 1
    expect(() => openDevice(kernel, address)).toThrow(code('NOT_SUPPORTED'))
    expect(kernel.descriptors.size).toBe(0)
  })

  test.each([
    ['open /dev/vfio/vfio', 'ENOENT', 'NOT_FOUND', /VFIO is not loaded/],
    ['open /dev/vfio/vfio', 'ENODEV', 'NOT_FOUND', /VFIO is not loaded/],
    ['open /dev/vfio/5', 'ENOENT', 'NOT_FOUND', /no such group, or no device of it is bound to a VFIO driver/],
    ['open /dev/vfio/5', 'EBUSY', 'DEVICE_BUSY', /someone has it open/],
    ['open /dev/vfio/5', 'EACCES', 'PERMISSION_DENIED', /belongs to another user/],
    ['open /dev/vfio/5', 'EPERM', 'PERMISSION_DENIED', /belongs to another user/],
    ['VFIO_GROUP_SET_CONTAINER', 'EPERM', 'GROUP_NOT_VIABLE', /bound to a driver that is not VFIO/],
    ['VFIO_SET_IOMMU 3', 'EPERM', 'PERMISSION_DENIED', /does not isolate interrupts/],
    ['VFIO_GROUP_GET_DEVICE_FD', 'ENODEV', 'NOT_FOUND', /has no such device/],
    ['VFIO_GROUP_GET_DEVICE_FD', 'EBUSY', 'DEVICE_BUSY', /it is in use/],
    ['VFIO_GROUP_GET_DEVICE_FD', 'EACCES', 'PERMISSION_DENIED', /VF token/],
  ])('that gets %s: %s is %s', (call, errno, expected, message) => {
    const kernel = new FakeKernel()
    kernel.failing.set(call, errno)
    expect(() => openDevice(kernel, address)).toThrow(
      expect.objectContaining({ code: expected, errno, message: expect.stringMatching(message) }),
    )
  })

  test('of a group that is not viable names the siblings in the way, and how to free the first', () => {
    const kernel = new FakeKernel()
    kernel.groupFlags = 0
    const devices = '/sys/kernel/iommu_groups/5/devices'
    kernel.directories.set(devices, ['0000:00:1f.3', '0000:00:1f.2', '0000:00:1f.0', '0000:00:1c.0'])
    kernel.links.set(`${devices}/0000:00:1f.2/driver`, '../../../bus/pci/drivers/vfio-pci')
    kernel.links.set(`${devices}/0000:00:1f.3/driver`, '../../../bus/pci/drivers/i801_smbus')
    kernel.links.set(`${devices}/0000:00:1c.0/driver`, '../../../bus/pci/drivers/pcieport')
    expect(() => openDevice(kernel, address)).toThrow(
      expect.objectContaining({
        code: 'GROUP_NOT_VIABLE',
        message: 'cannot use group 5: 0000:00:1f.3 is still bound to i801_smbus',
        hint: `echo 0000:00:1f.3 > ${devices}/0000:00:1f.3/driver/unbind`,
        facts: {
          group: 5,
          siblings: [
            { name: '0000:00:1c.0', driver: 'pcieport' },
            { name: '0000:00:1f.0', driver: null },
            { name: '0000:00:1f.2', driver: 'vfio-pci' },
            { name: '0000:00:1f.3', driver: 'i801_smbus' },
          ],
        },
      }),
    )
    expect(kernel.calls).not.toContain('VFIO_GROUP_SET_CONTAINER')
    expect(kernel.descriptors.size).toBe(0)
  })

  test('of a group that is in a container already is DEVICE_BUSY', () => {
    const kernel = new FakeKernel()
    kernel.groupFlags = 3
    expect(() => openDevice(kernel, address)).toThrow(code('DEVICE_BUSY'))
  })

  test.each(['', 'a\0b', 'x'.repeat(101), 'a\nb'])('by the name %j never reaches the kernel', (name) => {
    const kernel = new FakeKernel()
    expect(() => openDevice(kernel, { group: 5, name })).toThrow(code('INVALID_ARGUMENT'))
    expect(kernel.calls).not.toContain('VFIO_GROUP_GET_DEVICE_FD')
    expect(kernel.descriptors.size).toBe(0)
  })

  test.each([-1, 0.5, Number.NaN])('of group %d is refused', (group) => {
    const kernel = new FakeKernel()
    expect(() => openDevice(kernel, { group, name: 'x' })).toThrow(code('INVALID_ARGUMENT'))
    expect(kernel.descriptors.size).toBe(0)
  })
})

describe.each(['type1', 'compat-type1v2', 'iommufd', 'noiommu'] as const)('opening in mode %s', (iommu) => {
  function kernelWithAll(): FakeKernel {
    const kernel = new FakeKernel()
    kernel.extensions = [1, 3, 8]
    const node = iommu === 'noiommu' ? 'noiommu-vfio0' : 'vfio0'
    const kind = (path: string) => (path.includes('noiommu') && iommu !== 'noiommu' ? null : 'device')
    kernel.files = { ...kernel.files, kind, list: (path) => (path.endsWith('vfio-dev') ? [node] : []) }
    return kernel
  }

  test('fails at any step: what was open is closed, the error kept, and it opens the next time', () => {
    const working = kernelWithAll()
    openDevice(working, address, { iommu }).close()
    const steps = working.calls.filter((call) => !/^close|DETACH|DESTROY/.test(call))
    expect(steps.length).toBeGreaterThan(5)
    for (const step of steps) {
      const kernel = kernelWithAll()
      kernel.failing.set(step, 'EMFILE')
      const open = () => openDevice(kernel, address, { iommu })
      expect(open, step).toThrow(expect.objectContaining({ code: 'SYSTEM_CALL_FAILED', errno: 'EMFILE' }))
      expect([...kernel.descriptors.values()], step).toEqual([])
      kernel.failing.clear()
      open().close()
      expect([...kernel.descriptors.values()], step).toEqual([])
    }
  })

  test('and closing fails at any step: all else is closed, and it opens the next time', () => {
    const working = kernelWithAll()
    const opened = openDevice(working, address, { iommu })
    const before = working.calls.length
    opened.close()
    const steps = working.calls.slice(before)
    expect(steps.length).toBeGreaterThan(2)
    for (const step of steps) {
      const kernel = kernelWithAll()
      const device = openDevice(kernel, address, { iommu })
      kernel.failing.set(step, 'EIO')
      expect(() => device.close(), step).toThrow(expect.objectContaining({ errno: 'EIO' }))
      expect([...kernel.descriptors.values()], step).toEqual([])
      kernel.failing.clear()
      device.close()
      openDevice(kernel, address, { iommu }).close()
      expect([...kernel.descriptors.values()], step).toEqual([])
    }
  })
})
