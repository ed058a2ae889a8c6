import { describe, expect, test } from 'vitest'
import { systemError } from '../../../../src/base/system-error.ts'
import { deviceFlag } from '../../../../src/uapi/device.ts'
import {
  decodeHotResetInfo,
  encodeHotReset,
  hotResetFlag,
  vfioPciDependentDevice,
  vfioPciHotResetInfo,
} from '../../../../src/uapi/hot-reset.ts'
import { encode, encodeInto } from '../../../../src/uapi/struct.ts'
import { type Device, openDevice } from '../../../../src/vfio/device.ts'
import { answerDevice, FakeKernel } from '../fake-kernel.ts'

const { VFIO_PCI_HOT_RESET_FLAG_DEV_ID } = hotResetFlag
const { VFIO_DEVICE_FLAGS_PCI } = deviceFlag

interface Dependent {
  readonly id: number
  readonly bus: number
  readonly devfn: number
}

/** Answer of the kernel, given room for all of them; ENOSPC and their number without. */
function answerDependents(devices: readonly Dependent[], flags = 0): (bytes: Uint8Array) => void {
  return (bytes) => {
    encodeInto(vfioPciHotResetInfo, bytes, { flags: 0, count: devices.length })
    if (bytes.length < 12 + 8 * devices.length) throw systemError('ENOSPC', 'ioctl')
    encodeInto(vfioPciHotResetInfo, bytes, { flags })
    for (const [index, { id, bus, devfn }] of devices.entries()) {
      bytes.set(encode(vfioPciDependentDevice, { group_id: id, bus, devfn }), 12 + 8 * index)
    }
  }
}

const one = { id: 5, bus: 1, devfn: 0 }
const other = { id: 6, bus: 1, devfn: 0x11 }

function open(dependents: (bytes: Uint8Array) => void): { kernel: FakeKernel; device: Device } {
  const kernel = new FakeKernel()
  kernel.deviceInfo = answerDevice({ flags: VFIO_DEVICE_FLAGS_PCI, num_regions: 9, num_irqs: 5 })
  kernel.dependents = dependents
  return { kernel, device: openDevice(kernel, { group: 5, name: '0000:01:00.0' }) }
}

describe('a hot reset', () => {
  test('is of the whole bus, with the groups of all that are on it', async () => {
    const { kernel, device } = open(answerDependents([one, other]))
    openDevice(kernel, { group: 6, name: '0000:01:02.1' })
    expect(device.affectedByHotReset()).toEqual([
      { name: '0000:01:00.0', group: 5, owned: true },
      { name: '0000:01:02.1', group: 6, owned: true },
    ])
    await device.hotReset()
    expect(kernel.calls.at(-1)).toBe('VFIO_DEVICE_PCI_HOT_RESET')
    const fd = (path: string) => [...kernel.descriptors].find(([, it]) => it === path)?.[0] ?? expect.fail()
    expect(kernel.struct).toEqual(encodeHotReset([fd('/dev/vfio/5'), fd('/dev/vfio/6')]))
  })

  test('is DEVICE_BUSY while a group on the bus is not open here, and the kernel is not asked', async () => {
    const { kernel, device } = open(answerDependents([one, other]))
    kernel.links.set('/sys/bus/pci/devices/0000:01:02.1/driver', '../../../bus/pci/drivers/nvme')
    await expect(device.hotReset()).rejects.toMatchObject({
      code: 'DEVICE_BUSY',
      message: expect.stringContaining('0000:01:02.1 of group 6 (with nvme) is reset with it'),
      facts: { siblings: ['0000:01:02.1'] },
    })
    expect(kernel.calls).not.toContain('VFIO_DEVICE_PCI_HOT_RESET')
    openDevice(kernel, { group: 6, name: '0000:01:02.1' }).close()
    await expect(device.hotReset()).rejects.toMatchObject({ code: 'DEVICE_BUSY' })
  })

  test.each([
    ['ENODEV', 'NOT_SUPPORTED'],
    ['EINVAL', 'DEVICE_BUSY'],
    ['EBUSY', 'DEVICE_BUSY'],
    ['ENOTTY', 'SYSTEM_CALL_FAILED'],
  ])('that the kernel answers with %s is %s', async (errno, code) => {
    const { kernel, device } = open(answerDependents([one]))
    kernel.failing.set('VFIO_DEVICE_PCI_HOT_RESET', errno)
    await expect(device.hotReset()).rejects.toMatchObject({ code, errno })
  })

  test('of a device that came while it was asked is asked for again', () => {
    let calls = 0
    const { device } = open((bytes) => answerDependents(calls++ === 0 ? [one] : [one, other])(bytes))
    expect(device.affectedByHotReset()).toHaveLength(2)
  })

  test.each([
    ['more than a bus has', 257],
    ['none', 0],
  ])('of which the kernel says ENOSPC and that it affects %s is an error', (_, count) => {
    const { device } = open((bytes) => {
      encodeInto(vfioPciHotResetInfo, bytes, { count })
      throw systemError('ENOSPC', 'ioctl')
    })
    expect(() => device.affectedByHotReset()).toThrow(expect.objectContaining({ errno: 'ENOSPC' }))
  })
})

describe('the answer', () => {
  const bytes = (flags: number, devices: readonly Dependent[]) => {
    const all = new Uint8Array(12 + 8 * devices.length)
    answerDependents(devices, flags)(all)
    return all
  }

  test('tells by identity who owns each where the device was opened by its own node', () => {
    const devices = [
      { id: 7, bus: 2, devfn: 0 },
      { id: 0, bus: 2, devfn: 1 },
      { id: 0xffff_ffff, bus: 2, devfn: 0xff },
    ]
    expect(decodeHotResetInfo(bytes(VFIO_PCI_HOT_RESET_FLAG_DEV_ID, devices))).toEqual([
      { address: '0000:02:00.0', group: null, owned: true },
      { address: '0000:02:00.1', group: null, owned: true },
      { address: '0000:02:1f.7', group: null, owned: false },
    ])
  })

  test('that counts more than there are is MALFORMED_REPLY', () => {
    const short = bytes(0, [one, other]).subarray(0, 27)
    expect(() => decodeHotResetInfo(short)).toThrow(expect.objectContaining({ code: 'MALFORMED_REPLY' }))
  })
})
