import { beforeEach, describe, expect, test } from 'vitest'
import type { Kernel } from '../../../../src/kernel/kernel.ts'
import { createMockKernel } from '../../../../src/mock/kernel/mock-kernel.ts'
import { request } from '../../../../src/uapi/requests.ts'
import { codeOf, createMdev, cString, groupPath, int32, openMdev, otherUuid, uuid, wordAt, words } from '../machine.ts'

let kernel: Kernel
beforeEach(async () => {
  kernel = createMockKernel('demo')
  await createMdev(kernel, 'mtty-2', uuid)
})

function ioctl(fd: number, number: number, argument?: Uint8Array | number): unknown {
  try {
    return kernel.ioctl(fd, number, argument)
  } catch (error) {
    return error instanceof Error && 'code' in error ? error.code : error
  }
}

describe('container', () => {
  test('speaks API version 0', () => {
    expect(ioctl(kernel.open('/dev/vfio/vfio', 'rw'), request.VFIO_GET_API_VERSION)).toBe(0)
  })

  test.each([
    ['TYPE1', 1, 1],
    ['SPAPR_TCE', 2, 0],
    ['TYPE1v2', 3, 1],
    ['DMA_CC, before an IOMMU is set', 4, 0],
    ['NESTING', 6, 1],
    ['NOIOMMU, which this kernel is built without', 8, 0],
    ['UNMAP_ALL', 9, 1],
    ['UPDATE_VADDR, never with mediated devices', 10, 0],
    ['an unknown one', 77, 0],
  ])('CHECK_EXTENSION %s', (_, extension, answer) => {
    const container = kernel.open('/dev/vfio/vfio', 'rw')
    expect(ioctl(container, request.VFIO_CHECK_EXTENSION, extension)).toBe(answer)
  })

  test('takes an IOMMU only after a group, once, and of a type it has', () => {
    const container = kernel.open('/dev/vfio/vfio', 'rw')
    const group = kernel.open(groupPath(kernel, uuid), 'rw')
    expect(ioctl(container, request.VFIO_SET_IOMMU, 3)).toBe('EINVAL')
    kernel.ioctl(group, request.VFIO_GROUP_SET_CONTAINER, int32(container))
    expect(ioctl(container, request.VFIO_SET_IOMMU, 8)).toBe('ENODEV')
    expect(ioctl(container, request.VFIO_SET_IOMMU, 3)).toBe(0)
    expect(ioctl(container, request.VFIO_SET_IOMMU, 3)).toBe('EINVAL')
  })

  test('answers EINVAL to IOMMU requests before an IOMMU is set, and ENOTTY to unknown ones after', () => {
    const bare = kernel.open('/dev/vfio/vfio', 'rw')
    expect(ioctl(bare, request.VFIO_IOMMU_GET_INFO, words(24, 0, 0, 0, 0, 0))).toBe('EINVAL')
    const { container } = openMdev(kernel, uuid)
    expect(ioctl(container, 0x3b7f)).toBe('ENOTTY')
  })

  test('describes an IOMMU of mediated devices in the two calls that VFIO wants', () => {
    const { container } = openMdev(kernel, uuid)
    const first = words(24, 0, 0, 0, 0, 0)
    expect(ioctl(container, request.VFIO_IOMMU_GET_INFO, first)).toBe(0)
    expect([wordAt(first, 0), wordAt(first, 4), wordAt(first, 16)]).toEqual([68, 3, 0])
    const whole = new Uint8Array(68)
    whole.set(words(68))
    expect(ioctl(container, request.VFIO_IOMMU_GET_INFO, whole)).toBe(0)
    expect(new DataView(whole.buffer).getBigUint64(8, true)).toBe(0xffff_ffff_ffff_f000n)
    const [migration, dmaAvail] = [24, 56].map((at) => [
      wordAt(whole, at),
      wordAt(whole, at + 4),
      wordAt(whole, at + 8),
    ])
    expect(wordAt(whole, 16)).toBe(24)
    expect(migration).toEqual([0x1_0002, 56, 0])
    expect(dmaAvail).toEqual([0x1_0003, 0, 65535])
  })

  test('is as new once its last group has left', () => {
    const { container, group, device } = openMdev(kernel, uuid)
    kernel.close(device)
    expect(ioctl(container, request.VFIO_CHECK_EXTENSION, 4)).toBe(1)
    kernel.close(group)
    expect(ioctl(container, request.VFIO_SET_IOMMU, 3)).toBe('EINVAL')
    expect(ioctl(container, request.VFIO_CHECK_EXTENSION, 4)).toBe(0)
  })
})

describe('group', () => {
  test('opens once', () => {
    const path = groupPath(kernel, uuid)
    const group = kernel.open(path, 'rw')
    expect(codeOf(() => kernel.open(path, 'rw'))).toBe('EBUSY')
    kernel.close(group)
    expect(codeOf(() => kernel.open(path, 'rw'))).toBeNull()
  })

  test('is not there without a device', () => {
    expect(codeOf(() => kernel.open('/dev/vfio/99', 'rw'))).toBe('ENOENT')
  })

  test('says whether it is in a container', () => {
    const group = kernel.open(groupPath(kernel, uuid), 'rw')
    const status = words(8, 0)
    expect([ioctl(group, request.VFIO_GROUP_GET_STATUS, status), wordAt(status, 4)]).toEqual([0, 1])
    kernel.ioctl(group, request.VFIO_GROUP_SET_CONTAINER, int32(kernel.open('/dev/vfio/vfio', 'rw')))
    expect([ioctl(group, request.VFIO_GROUP_GET_STATUS, status), wordAt(status, 4)]).toEqual([0, 3])
    expect(ioctl(group, request.VFIO_GROUP_GET_STATUS, words(4, 0))).toBe('EINVAL')
  })

  test('goes into one container, which must be one', () => {
    const group = kernel.open(groupPath(kernel, uuid), 'rw')
    expect(ioctl(group, request.VFIO_GROUP_SET_CONTAINER, int32(99))).toBe('EBADF')
    expect(ioctl(group, request.VFIO_GROUP_SET_CONTAINER, int32(kernel.eventfd()))).toBe('EINVAL')
    expect(ioctl(group, request.VFIO_GROUP_UNSET_CONTAINER)).toBe('EINVAL')
    const container = kernel.open('/dev/vfio/vfio', 'rw')
    expect(ioctl(group, request.VFIO_GROUP_SET_CONTAINER, int32(container))).toBe(0)
    expect(ioctl(group, request.VFIO_GROUP_SET_CONTAINER, int32(container))).toBe('EINVAL')
    expect(ioctl(group, request.VFIO_GROUP_UNSET_CONTAINER)).toBe(0)
  })

  test('cannot leave its container while its device is open', () => {
    const { group, device } = openMdev(kernel, uuid)
    expect(ioctl(group, request.VFIO_GROUP_UNSET_CONTAINER)).toBe('EBUSY')
    kernel.close(device)
    expect(ioctl(group, request.VFIO_GROUP_UNSET_CONTAINER)).toBe(0)
  })

  test('gives out its device by exact name, and only with an IOMMU', async () => {
    await createMdev(kernel, 'mtty-1', otherUuid)
    const group = kernel.open(groupPath(kernel, uuid), 'rw')
    const container = kernel.open('/dev/vfio/vfio', 'rw')
    const getDevice = (name: string) => ioctl(group, request.VFIO_GROUP_GET_DEVICE_FD, cString(name))
    expect(getDevice(uuid)).toBe('EINVAL')
    kernel.ioctl(group, request.VFIO_GROUP_SET_CONTAINER, int32(container))
    expect(getDevice(uuid)).toBe('EINVAL')
    kernel.ioctl(container, request.VFIO_SET_IOMMU, 1)
    expect([otherUuid, uuid.toUpperCase(), '', `${uuid} `].map(getDevice)).toEqual(Array(4).fill('ENODEV'))
    expect(getDevice(uuid)).toEqual(expect.any(Number))
    expect(getDevice(uuid)).toEqual(expect.any(Number))
  })

  test('several groups share a container', async () => {
    await createMdev(kernel, 'mtty-1', otherUuid)
    const { container } = openMdev(kernel, uuid)
    const group = kernel.open(groupPath(kernel, otherUuid), 'rw')
    kernel.ioctl(group, request.VFIO_GROUP_SET_CONTAINER, int32(container))
    expect(ioctl(group, request.VFIO_GROUP_GET_DEVICE_FD, cString(otherUuid))).toEqual(expect.any(Number))
  })
})

describe('device', () => {
  const infoOf = (device: number, number: number, bytes: Uint8Array) => [ioctl(device, number, bytes), bytes] as const

  test('mtty: PCI without reset, 9 regions, 5 irqs', () => {
    const { device } = openMdev(kernel, uuid)
    const [answer, info] = infoOf(device, request.VFIO_DEVICE_GET_INFO, words(20, 0, 0, 0, 0))
    expect([answer, wordAt(info, 4), wordAt(info, 8), wordAt(info, 12)]).toEqual([0, 2, 9, 5])
    expect(ioctl(device, request.VFIO_DEVICE_GET_INFO, words(8, 0, 0, 0, 0))).toBe('EINVAL')
  })

  test.each([
    ['BAR0', 0, 8],
    ['BAR1', 1, 8],
    ['BAR2', 2, 0],
    ['ROM', 6, 0],
    ['config', 7, 0xff],
    ['VGA', 8, 0],
  ])('mtty-2 %s: readable, writable and of its size at index << 40', (_, index, size) => {
    const { device } = openMdev(kernel, uuid)
    const [answer, info] = infoOf(device, request.VFIO_DEVICE_GET_REGION_INFO, words(32, 0, index, 0, 0, 0, 0, 0))
    const view = new DataView(info.buffer)
    expect([answer, wordAt(info, 4), view.getBigUint64(16, true)]).toEqual([0, 3, BigInt(size)])
    expect(view.getBigUint64(24, true)).toBe(BigInt(index) << 40n)
  })

  test('region 9 is EINVAL; so is an argsz below the struct', () => {
    const { device } = openMdev(kernel, uuid)
    expect(ioctl(device, request.VFIO_DEVICE_GET_REGION_INFO, words(32, 0, 9, 0, 0, 0, 0, 0))).toBe('EINVAL')
    expect(ioctl(device, request.VFIO_DEVICE_GET_REGION_INFO, words(31, 0, 0, 0, 0, 0, 0, 0))).toBe('EINVAL')
  })

  test('unknown requests are ENOTTY, features too', () => {
    const { device } = openMdev(kernel, uuid)
    expect(ioctl(device, 0x3b7f)).toBe('ENOTTY')
    expect(ioctl(device, request.VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, words(12, 0, 0))).toBe('ENOTTY')
    expect(ioctl(device, request.VFIO_DEVICE_FEATURE, words(8, (1 << 18) | (1 << 16) | 1))).toBe('ENOTTY')
    expect(ioctl(device, request.VFIO_DEVICE_FEATURE, words(8, (1 << 17) | (1 << 16) | 1))).toBe('EINVAL')
    expect(ioctl(device, request.VFIO_DEVICE_FEATURE, words(8, 1 << 20))).toBe('EINVAL')
  })

  test('a struct shorter than it says never reaches the kernel', () => {
    const { device } = openMdev(kernel, uuid)
    expect(ioctl(device, request.VFIO_DEVICE_GET_INFO, words(64, 0, 0, 0, 0))).toBeInstanceOf(RangeError)
    expect(ioctl(device, request.VFIO_DEVICE_GET_INFO, words(8, 0))).toBeInstanceOf(RangeError)
    expect(ioctl(device, request.VFIO_DEVICE_GET_INFO)).toBe('EFAULT')
  })

  test('mtty cannot be mapped', () => {
    const { device } = openMdev(kernel, uuid)
    expect(codeOf(() => kernel.mmap(device, { offset: 0, length: 4096, access: 'rw' }))).toBe('EINVAL')
  })

  test('mtty: accesses to ROM and VGA are EFAULT; RESET succeeds and changes nothing', () => {
    const { device } = openMdev(kernel, uuid)
    kernel.pwrite(device, Uint8Array.of(0x5a), 7)
    expect(codeOf(() => kernel.pread(device, new Uint8Array(1), 6 * 2 ** 40))).toBe('EFAULT')
    expect(codeOf(() => kernel.pwrite(device, new Uint8Array(1), 8 * 2 ** 40))).toBe('EFAULT')
    expect(ioctl(device, request.VFIO_DEVICE_RESET)).toBe(0)
    const scr = new Uint8Array(1)
    kernel.pread(device, scr, 7)
    expect(scr[0]).toBe(0x5a)
  })

  test('a vGPU has its ids, a BAR of memory that reset clears, and ends where its regions do', async () => {
    await createMdev(kernel, 'nvidia-222', otherUuid, '0000:3b:00.0')
    const { device } = openMdev(kernel, otherUuid)
    const config = 7 * 2 ** 40
    const bytes = new Uint8Array(4)
    kernel.pread(device, bytes, config)
    expect(wordAt(bytes, 0)).toBe(0x1eb8_10de)
    kernel.pwrite(device, words(0xffff_ffff), config + 0x10)
    kernel.pread(device, bytes, config + 0x10)
    expect(wordAt(bytes, 0)).toBe(0xff00_0000)
    kernel.pwrite(device, words(0x1234_5678), 0xff_fffc)
    kernel.pread(device, bytes, 0xff_fffc)
    expect(wordAt(bytes, 0)).toBe(0x1234_5678)
    expect(kernel.pread(device, new Uint8Array(8), 0xff_fffc)).toBe(4)
    expect(codeOf(() => kernel.pread(device, bytes, 0x100_0000))).toBe('EINVAL')
    expect(ioctl(device, request.VFIO_DEVICE_RESET)).toBe(0)
    kernel.pread(device, bytes, 0xff_fffc)
    expect(wordAt(bytes, 0)).toBe(0)
  })
})

test('a closed descriptor is EBADF', () => {
  const fd = kernel.eventfd()
  kernel.close(fd)
  expect([codeOf(() => kernel.close(fd)), codeOf(() => kernel.ioctl(fd, 0x3b64))]).toEqual(['EBADF', 'EBADF'])
})
