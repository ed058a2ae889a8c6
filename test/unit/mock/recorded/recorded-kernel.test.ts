import { expect, test } from 'vitest'
import { kernelOrder } from '../../../../src/base/byte-order.ts'
import type { RecordedCall, RecordedDevice, RecordedHost } from '../../../../src/kernel/recording/recorded-host.ts'
import { RecordedKernel } from '../../../../src/mock/recorded/recorded-kernel.ts'
import { iommufdRequest } from '../../../../src/uapi/iommufd.ts'
import { request } from '../../../../src/uapi/requests.ts'

const { VFIO_GROUP_GET_STATUS, VFIO_GROUP_SET_CONTAINER, VFIO_GROUP_GET_DEVICE_FD, VFIO_CHECK_EXTENSION } = request
const { IOMMU_IOAS_IOVA_RANGES } = iommufdRequest

const node = { kind: 'device' } as const
const folder = { kind: 'directory' } as const

function kernelWith(...devices: RecordedDevice[]): RecordedKernel {
  const files: RecordedHost['files'] = {
    '/dev': folder,
    '/dev/iommu': node,
    '/dev/vfio': folder,
    '/dev/vfio/vfio': node,
    '/dev/vfio/1': node,
    '/dev/vfio/2': node,
    '/dev/vfio/3': node,
  }
  const byteOrder = kernelOrder ? 'little' : 'big'
  return new RecordedKernel({ program: null, uid: 0, byteOrder, files, devices, unseen: [] })
}

const file = (name: string, ...calls: RecordedCall[]) => ({ file: name, calls, bytes: [] })
const answer = (number: number, given: string, text: string): RecordedCall => ({
  request: number,
  given,
  answer: text,
  result: 0,
})
const int = (number: number) => new Uint8Array(Int32Array.of(number).buffer)

/** A device in a group of its own, by a container in which extension 3 is what `extension` says. */
function device(name: string, group: number, extension: number): RecordedDevice {
  return {
    name,
    files: [
      file('/dev/vfio/vfio', { request: VFIO_CHECK_EXTENSION, given: 3, result: extension }),
      file(
        `/dev/vfio/${group}`,
        answer(VFIO_GROUP_GET_STATUS, '0800000000000000', '0800000001000000'),
        answer(VFIO_GROUP_GET_STATUS, '0800000000000000', '0800000003000000'),
        { request: VFIO_GROUP_SET_CONTAINER, given: '00000000', result: 0 },
        { request: VFIO_GROUP_GET_DEVICE_FD, name, result: 0 },
      ),
      { file: `vfio-device ${name}`, calls: [], bytes: [{ at: 0x100, hex: '0102030405060708' }] },
    ],
  }
}

test('a question that is asked again gets its next answer, and then the last', () => {
  const kernel = kernelWith(device('a', 1, 1))
  const fd = kernel.open('/dev/vfio/1', 'rw')
  const flags = [1, 2, 3].map(() => {
    const status = Uint8Array.of(8, 0, 0, 0, 0, 0, 0, 0)
    kernel.ioctl(fd, VFIO_GROUP_GET_STATUS, status)
    return status[4]
  })
  expect(flags).toEqual([1, 3, 3])
})

test('a container answers as it did for the device whose group is put into it', () => {
  const kernel = kernelWith(device('a', 1, 1), device('b', 2, 0))
  for (const [group, extension] of [
    [1, 1],
    [2, 0],
  ]) {
    const container = kernel.open('/dev/vfio/vfio', 'rw')
    const fd = kernel.open(`/dev/vfio/${group}`, 'rw')
    kernel.ioctl(fd, VFIO_GROUP_SET_CONTAINER, int(container))
    expect(kernel.ioctl(container, VFIO_CHECK_EXTENSION, 3)).toBe(extension)
  }
})

test('a group is put into no container of another device', () => {
  const kernel = kernelWith(device('a', 1, 1), device('b', 2, 0))
  const container = kernel.open('/dev/vfio/vfio', 'rw')
  kernel.ioctl(kernel.open('/dev/vfio/1', 'rw'), VFIO_GROUP_SET_CONTAINER, int(container))
  expect(() => kernel.ioctl(kernel.open('/dev/vfio/2', 'rw'), VFIO_GROUP_SET_CONTAINER, int(container))).toThrow(
    'EINVAL',
  )
})

test('a device that its group gives is read where it was read, and nowhere else', () => {
  const kernel = kernelWith(device('a', 1, 1))
  const group = kernel.open('/dev/vfio/1', 'rw')
  const fd = kernel.ioctl(group, VFIO_GROUP_GET_DEVICE_FD, Buffer.from('a\0'))
  expect(kernel.readWord(fd, 0x102, 4)).toBe(0x06050403)
  expect(() => kernel.readWord(fd, 0x106, 4)).toThrow(expect.objectContaining({ code: 'NOT_SUPPORTED' }))
  expect(() => kernel.ioctl(group, VFIO_GROUP_GET_DEVICE_FD, Buffer.from('b\0'))).toThrow(
    expect.objectContaining({ code: 'NOT_SUPPORTED' }),
  )
  kernel.close(fd)
  expect(() => kernel.readWord(fd, 0x102, 4)).toThrow('EBADF')
})

test('an answer into memory that a struct points at comes there, and the address is not touched', () => {
  const given = `20${'00'.repeat(31)}`
  const call = {
    ...answer(IOMMU_IOAS_IOVA_RANGES, given, `20${'00'.repeat(7)}01${'00'.repeat(23)}`),
    pointed: ['aabb'],
  }
  const kernel = kernelWith({ name: 'a', files: [file('/dev/iommu', call)] })
  const struct = new Uint8Array(32)
  struct[0] = 32
  struct.fill(0x77, 16, 24)
  const target = new Uint8Array(4)
  kernel.ioctl(kernel.open('/dev/iommu', 'rw'), IOMMU_IOAS_IOVA_RANGES, struct, [{ offset: 16, target, at: 1 }])
  expect([...target]).toEqual([0, 0xaa, 0xbb, 0])
  expect([struct[8], struct[16], struct[23]]).toEqual([1, 0x77, 0x77])
})

test('an open that was refused is refused, with its errno; a node that nobody opened is not', () => {
  const kernel = kernelWith({
    name: 'a',
    files: [{ file: '/dev/vfio/1', error: ['EBUSY', 16, 'open'], calls: [], bytes: [] }],
  })
  expect(() => kernel.open('/dev/vfio/1', 'rw')).toThrow(
    expect.objectContaining({ code: 'EBUSY', path: '/dev/vfio/1' }),
  )
  expect(() => kernel.open('/dev/vfio/3', 'rw')).toThrow(expect.objectContaining({ code: 'NOT_SUPPORTED' }))
  expect(() => kernel.open('/dev/vfio/4', 'rw')).toThrow(expect.objectContaining({ code: 'ENOENT' }))
})
