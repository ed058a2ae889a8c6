import { describe, expect, onTestFinished, test } from 'vitest'
import { vfioDeviceInfo } from '../../../src/uapi/device.ts'
import {
  iommufdRequest,
  iommuIoasAllowIovas,
  iommuIoasCopy,
  iommuIoasIovaRanges,
  iommuIovaRange,
} from '../../../src/uapi/iommufd.ts'
import { request } from '../../../src/uapi/requests.ts'
import { decode, encode } from '../../../src/uapi/struct.ts'
import { openDevice } from '../../../src/vfio/device.ts'
import { bindForMode } from '../iommu-modes.ts'
import { errnoOf } from '../kernel-answer.ts'
import { iommu, page, pageBytes } from '../machine.ts'
import {
  allocateIoas,
  attachDevice,
  bindDevice,
  callIommufd,
  destroy,
  detachDevice,
  fixed,
  mapIoas,
  openRawIommufd,
  readable,
  unmapIoas,
} from './raw-iommufd.ts'

const everything = 0xffff_ffff_ffff_ffffn

function errno(code: string) {
  return expect.objectContaining({ code, syscall: 'ioctl' })
}

describe('a device by its own node', () => {
  test('cannot be bound by a descriptor that came from its group', async (context) => {
    const raw = await openRawIommufd(context)
    const group = raw.kernel.open(`/dev/vfio/${raw.group}`, 'rw')
    onTestFinished(() => raw.kernel.close(group))
    raw.kernel.ioctl(group, request.VFIO_GROUP_SET_CONTAINER, Uint8Array.of(raw.iommufd, 0, 0, 0))
    const name = Buffer.from(`${raw.address}\0`)
    const device = raw.kernel.ioctl(group, request.VFIO_GROUP_GET_DEVICE_FD, name)
    onTestFinished(() => raw.kernel.close(device))
    expect(() => bindDevice(raw, device, raw.iommufd)).toThrow(errno('EINVAL'))
    expect(() => bindDevice(raw, device, -1)).toThrow(errno('EINVAL'))
    expect(() => detachDevice(raw, device)).toThrow(errno('ENOTTY'))
  })

  test('answers nothing before it is bound, and is not enabled', async (context) => {
    const raw = await openRawIommufd(context)
    const device = raw.openNode()
    const info = encode(vfioDeviceInfo, { argsz: vfioDeviceInfo.size })
    expect(() => raw.kernel.ioctl(device, request.VFIO_DEVICE_GET_INFO, info)).toThrow(errno('EINVAL'))
    expect(() => raw.kernel.pread(device, new Uint8Array(4), 0)).toThrow(expect.objectContaining({ code: 'EINVAL' }))
    const isEnabled = () => raw.kernel.files.read(`/sys/bus/pci/devices/${raw.address}/enable`)
    expect(isEnabled()).toBe('0\n')
    bindDevice(raw, device, raw.iommufd)
    raw.kernel.ioctl(device, request.VFIO_DEVICE_GET_INFO, info)
    expect([decode(vfioDeviceInfo, info).num_regions, isEnabled()]).toEqual([9, '1\n'])
  })

  test('is bound once, to iommufd alone', async (context) => {
    const raw = await openRawIommufd(context)
    const device = raw.openNode()
    expect(() => bindDevice(raw, device, -1)).toThrow(errno('EINVAL'))
    expect(() => bindDevice(raw, device, device)).toThrow(errno('EBADFD'))
    expect(() => bindDevice(raw, device, raw.iommufd, { flags: 0x8000_0000 })).toThrow(errno('EINVAL'))
    bindDevice(raw, device, raw.iommufd)
    expect(() => bindDevice(raw, device, raw.iommufd)).toThrow(errno('EINVAL'))
    expect(() => bindDevice(raw, raw.openNode(), raw.iommufd)).toThrow(errno('EINVAL'))
  })

  test('is attached, moved by attaching again, and detached as often as one likes', async (context) => {
    const raw = await openRawIommufd(context)
    const device = raw.openNode()
    bindDevice(raw, device, raw.iommufd)
    expect(() => attachDevice(raw, device, 0xffff_ffff)).toThrow(errno('ENOENT'))
    const [one, other] = [allocateIoas(raw), allocateIoas(raw)]
    expect(attachDevice(raw, device, one)).not.toBe(one)
    expect(() => destroy(raw, one)).toThrow(errno('EBUSY'))
    attachDevice(raw, device, other)
    destroy(raw, one)
    detachDevice(raw, device)
    detachDevice(raw, device)
    destroy(raw, other)
  })

  test('keeps its group from being opened by the group node', async (context) => {
    const { kernel, group, address } = await bindForMode(context, 'iommufd', 'edu')
    using device = openDevice(kernel, { group, name: address }, { iommu: 'iommufd' })
    expect(device.iommuMode).toBe('iommufd')
    expect(() => kernel.open(`/dev/vfio/${group}`, 'rw')).toThrow(expect.objectContaining({ code: 'EBUSY' }))
  })

  test('a device that another has bound is DEVICE_BUSY', async (context) => {
    const raw = await openRawIommufd(context)
    bindDevice(raw, raw.openNode(), raw.iommufd)
    const { kernel, group, address } = raw
    expect(() => openDevice(kernel, { group, name: address }, { iommu: 'iommufd' })).toThrow(
      expect.objectContaining({ code: 'DEVICE_BUSY' }),
    )
    expect(() => openDevice(kernel, { group, name: address }, { iommu: 'type1v2' })).toThrow(
      expect.objectContaining({ code: 'DEVICE_BUSY', errno: 'EBUSY' }),
    )
  })

  test('is what a device is opened by where nothing else is asked for', async (context) => {
    const { kernel, group, address } = await bindForMode(context, 'iommufd', 'edu')
    using device = openDevice(kernel, { group, name: address })
    expect(device.iommuMode).toBe('iommufd')
    expect(device.regions.config.read32(0)).toBe(0x11e81234)
  })
})

describe('an IOAS', () => {
  test('a longer struct: zeros behind what the kernel knows are taken, anything else is E2BIG', async (context) => {
    const raw = await openRawIommufd(context)
    destroy(raw, allocateIoas(raw, [0, 0, 0, 0]))
    expect(() => allocateIoas(raw, [0, 0, 1, 0])).toThrow(errno('E2BIG'))
  })

  test('is destroyed once, and not while a device is attached', async (context) => {
    const raw = await openRawIommufd(context)
    const device = raw.openNode()
    bindDevice(raw, device, raw.iommufd)
    const ioas = allocateIoas(raw)
    attachDevice(raw, device, ioas)
    expect(() => destroy(raw, ioas)).toThrow(errno('EBUSY'))
    detachDevice(raw, device)
    destroy(raw, ioas)
    expect(() => destroy(raw, ioas)).toThrow(errno('ENOENT'))
  })

  test('maps everywhere until a device narrows it; a short array is EMSGSIZE with the true number', async (context) => {
    const raw = await openRawIommufd(context)
    const ioas_id = allocateIoas(raw)
    const ranges = (room: number) => {
      const array = new Uint8Array(room * iommuIovaRange.size)
      const bytes = encode(iommuIoasIovaRanges, { size: iommuIoasIovaRanges.size, ioas_id, num_iovas: room })
      const pointer = { offset: iommuIoasIovaRanges.fields.allowed_iovas[0], target: array }
      const call = () => raw.kernel.ioctl(raw.iommufd, iommufdRequest.IOMMU_IOAS_IOVA_RANGES, bytes, [pointer])
      return { call, answer: () => decode(iommuIoasIovaRanges, bytes), first: () => decode(iommuIovaRange, array) }
    }
    const empty = ranges(1)
    empty.call()
    expect(empty.answer()).toMatchObject({ num_iovas: 1, out_iova_alignment: 1n })
    expect(empty.first()).toEqual({ start: 0n, last: everything })
    const device = raw.openNode()
    bindDevice(raw, device, raw.iommufd)
    attachDevice(raw, device, ioas_id)
    const short = ranges(1)
    expect(short.call).toThrow(errno('EMSGSIZE'))
    expect(short.answer()).toMatchObject({ num_iovas: 2 })
    const enough = ranges(short.answer().num_iovas)
    enough.call()
    expect(enough.answer()).toMatchObject({ num_iovas: 2, out_iova_alignment: pageBytes })
    expect(enough.first()).toEqual({ start: 0n, last: iommu.ranges[0]?.last })
  })

  test('the kernel chooses addresses in the ranges it is told to', async (context) => {
    const raw = await openRawIommufd(context)
    const ioas_id = allocateIoas(raw)
    const allowed = encode(iommuIovaRange, { start: 0x1000_0000n, last: 0x0fff_ffffn + 2n * pageBytes })
    const bytes = encode(iommuIoasAllowIovas, { size: iommuIoasAllowIovas.size, ioas_id, num_iovas: 1 })
    raw.kernel.ioctl(raw.iommufd, iommufdRequest.IOMMU_IOAS_ALLOW_IOVAS, bytes, [
      { offset: iommuIoasAllowIovas.fields.allowed_iovas[0], target: allowed },
    ])
    expect(mapIoas(raw, { ioas_id, flags: readable })).toBeGreaterThanOrEqual(0x1000_0000n)
    expect(mapIoas(raw, { ioas_id, flags: readable })).toBeLessThanOrEqual(0x1000_0000n + pageBytes)
    expect(() => mapIoas(raw, { ioas_id, flags: readable })).toThrow(errno('ENOSPC'))
  })

  test('takes what is mapped in another', async (context) => {
    const raw = await openRawIommufd(context)
    const [from, to] = [allocateIoas(raw), allocateIoas(raw)]
    mapIoas(raw, { ioas_id: from, flags: fixed | readable, iova: 0x10_0000n })
    callIommufd(raw, iommufdRequest.IOMMU_IOAS_COPY, iommuIoasCopy, {
      flags: fixed | readable,
      dst_ioas_id: to,
      src_ioas_id: from,
      length: BigInt(page),
      dst_iova: 0x20_0000n,
      src_iova: 0x10_0000n,
    })
    expect(unmapIoas(raw, to, 0x20_0000n, BigInt(page))).toBe(BigInt(page))
    expect(unmapIoas(raw, from, 0x10_0000n, BigInt(page))).toBe(BigInt(page))
  })

  test('refuses what a container has not, with an errno of its own', async (context) => {
    const raw = await openRawIommufd(context)
    const device = raw.openNode()
    bindDevice(raw, device, raw.iommufd)
    const ioas_id = allocateIoas(raw)
    attachDevice(raw, device, ioas_id)
    const good = { ioas_id, flags: fixed | readable, iova: 0x10_0000n }
    const refusals = [
      ['unknown flag', { flags: 0x8000_0000 }, 'EOPNOTSUPP'],
      ['neither read nor written', { flags: fixed }, 'EINVAL'],
      ['unknown IOAS', { ioas_id: 0xffff_ffff }, 'ENOENT'],
    ] as const
    const answers = refusals.map(([what, wrong]) => [what, errnoOf(() => mapIoas(raw, { ...good, ...wrong }))])
    expect(answers).toEqual(refusals.map(([what, , code]) => [what, code]))
  })
})
