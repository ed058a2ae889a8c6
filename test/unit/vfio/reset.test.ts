import { describe, expect, test } from 'vitest'
import { deviceFlag } from '../../../src/uapi/device.ts'
import { type Device, openDevice } from '../../../src/vfio/device.ts'
import { answerDevice, FakeKernel } from './fake-kernel.ts'

const { VFIO_DEVICE_FLAGS_PCI, VFIO_DEVICE_FLAGS_RESET } = deviceFlag

function open(flags: number): { kernel: FakeKernel; device: Device } {
  const kernel = new FakeKernel()
  kernel.deviceInfo = answerDevice({ flags, num_regions: 9, num_irqs: 5 })
  return { kernel, device: openDevice(kernel, { group: 5, name: '0000:00:05.0' }) }
}

describe('a reset', () => {
  test('is VFIO_DEVICE_RESET where the device has the flag', async () => {
    const { kernel, device } = open(VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET)
    await device.reset()
    expect(kernel.calls.at(-1)).toBe('VFIO_DEVICE_RESET')
  })

  test('is NOT_SUPPORTED without the flag, and the kernel is not asked: mtty would say yes', async () => {
    const { kernel, device } = open(VFIO_DEVICE_FLAGS_PCI)
    await expect(device.reset()).rejects.toMatchObject({ code: 'NOT_SUPPORTED', errno: null })
    expect(kernel.calls).not.toContain('VFIO_DEVICE_RESET')
  })

  test.each([
    ['EINVAL', 'NOT_SUPPORTED'],
    ['ENOTTY', 'NOT_SUPPORTED'],
    ['EAGAIN', 'DEVICE_BUSY'],
    ['EIO', 'SYSTEM_CALL_FAILED'],
  ])('that the kernel answers with %s is %s', async (errno, code) => {
    const { kernel, device } = open(VFIO_DEVICE_FLAGS_RESET)
    kernel.failing.set('VFIO_DEVICE_RESET', errno)
    await expect(device.reset()).rejects.toMatchObject({ code, errno })
  })

  test('of a closed device is CLOSED', async () => {
    const { device } = open(VFIO_DEVICE_FLAGS_RESET)
    device.close()
    await expect(device.reset()).rejects.toMatchObject({ code: 'CLOSED' })
  })
})

describe('what only PCI devices have', () => {
  test('is NOT_SUPPORTED by name on a device of another kind', () => {
    const { device } = open(deviceFlag.VFIO_DEVICE_FLAGS_CCW)
    expect(() => device.pci).toThrow(expect.objectContaining({ code: 'NOT_SUPPORTED' }))
  })
})
