import { describe, expect, onTestFinished, type TestContext, test } from 'vitest'
import type { Kernel } from '../../src/kernel/kernel.ts'
import { vfioDeviceInfo } from '../../src/uapi/device-info.ts'
import {
  vfioDeviceAttachIommufdPt,
  vfioDeviceBindIommufd,
  vfioDeviceDetachIommufdPt,
} from '../../src/uapi/device-iommufd.ts'
import {
  ioasMapFlag,
  iommuDestroy,
  iommufdRequest,
  iommuIoasAlloc,
  iommuIoasAllowIovas,
  iommuIoasCopy,
  iommuIoasIovaRanges,
  iommuIoasMap,
  iommuIoasUnmap,
  iommuIovaRange,
} from '../../src/uapi/iommufd.ts'
import { request } from '../../src/uapi/requests.ts'
import { decode, encode, type Layout, type Values } from '../../src/uapi/struct.ts'
import { openDevice } from '../../src/vfio/device.ts'
import { findDeviceNode } from '../../src/vfio/device-node.ts'
import { allocate, bindForMode } from './iommu-modes.ts'

const page = 4096
const everything = 0xffff_ffff_ffff_ffffn

function errno(code: string) {
  return expect.objectContaining({ code, syscall: 'ioctl' })
}

interface Raw {
  readonly kernel: Kernel
  readonly iommufd: number
  /** The device's own node, opened. */
  openNode(): number
}

/** The bare descriptors of an edu and of iommufd, closed after the test. */
async function openRaw(context: TestContext): Promise<Raw> {
  const { kernel, group, address } = await bindForMode(context, 'iommufd', 'edu')
  const opened: number[] = []
  onTestFinished(() => {
    for (const fd of opened.reverse()) kernel.close(fd)
  })
  const open = (path: string) => {
    const fd = kernel.open(path, 'rw')
    opened.push(fd)
    return fd
  }
  const node = findDeviceNode(kernel.files, { group, name: address })
  expect(node?.noiommu).toBe(false)
  return { kernel, iommufd: open('/dev/iommu'), openNode: () => open(node?.path ?? '') }
}

function bind({ kernel }: Raw, device: number, iommufd: number, values: { flags?: number; argsz?: number } = {}): void {
  const bytes = encode(vfioDeviceBindIommufd, { argsz: vfioDeviceBindIommufd.size, iommufd, ...values })
  kernel.ioctl(device, request.VFIO_DEVICE_BIND_IOMMUFD, bytes)
}

function attach({ kernel }: Raw, device: number, pt_id: number): number {
  const bytes = encode(vfioDeviceAttachIommufdPt, { argsz: vfioDeviceAttachIommufdPt.size, pt_id })
  kernel.ioctl(device, request.VFIO_DEVICE_ATTACH_IOMMUFD_PT, bytes)
  return decode(vfioDeviceAttachIommufdPt, bytes).pt_id
}

function detach({ kernel }: Raw, device: number): void {
  const bytes = encode(vfioDeviceDetachIommufdPt, { argsz: vfioDeviceDetachIommufdPt.size })
  kernel.ioctl(device, request.VFIO_DEVICE_DETACH_IOMMUFD_PT, bytes)
}

/** A call on iommufd whose struct begins with its own size; `tail` bytes come behind it. */
function call<L extends Layout>(
  { kernel, iommufd }: Raw,
  number: number,
  layout: L,
  values: Partial<Values<L>>,
  tail: readonly number[] = [],
): Values<L> {
  const bytes = new Uint8Array(layout.size + tail.length)
  bytes.set(encode(layout, values))
  bytes.set(tail, layout.size)
  new DataView(bytes.buffer).setUint32(0, bytes.length, true)
  kernel.ioctl(iommufd, number, bytes)
  return decode(layout, bytes)
}

function allocateIoas(raw: Raw, tail: readonly number[] = []): number {
  return call(raw, iommufdRequest.IOMMU_IOAS_ALLOC, iommuIoasAlloc, {}, tail).out_ioas_id
}

function destroy(raw: Raw, id: number): void {
  call(raw, iommufdRequest.IOMMU_DESTROY, iommuDestroy, { id })
}

function unmap(raw: Raw, ioas_id: number, iova: bigint, length: bigint): bigint {
  return call(raw, iommufdRequest.IOMMU_IOAS_UNMAP, iommuIoasUnmap, { ioas_id, iova, length }).length
}

describe('A9 a device by its own node', () => {
  test('answers nothing before it is bound', async (context) => {
    const raw = await openRaw(context)
    const device = raw.openNode()
    const info = encode(vfioDeviceInfo, { argsz: vfioDeviceInfo.size })
    expect(() => raw.kernel.ioctl(device, request.VFIO_DEVICE_GET_INFO, info)).toThrow(errno('EINVAL'))
    expect(() => raw.kernel.pread(device, new Uint8Array(4), 0)).toThrow(expect.objectContaining({ code: 'EINVAL' }))
    bind(raw, device, raw.iommufd)
    raw.kernel.ioctl(device, request.VFIO_DEVICE_GET_INFO, info)
    expect(decode(vfioDeviceInfo, info).num_regions).toBe(9)
  })

  test('is bound once, to iommufd alone', async (context) => {
    const raw = await openRaw(context)
    const device = raw.openNode()
    expect(() => bind(raw, device, -1)).toThrow(errno('EINVAL'))
    expect(() => bind(raw, device, device)).toThrow(errno('EBADFD'))
    expect(() => bind(raw, device, raw.iommufd, { flags: 0x8000_0000 })).toThrow(errno('EINVAL'))
    bind(raw, device, raw.iommufd)
    expect(() => bind(raw, device, raw.iommufd)).toThrow(errno('EINVAL'))
    expect(() => bind(raw, raw.openNode(), raw.iommufd)).toThrow(errno('EINVAL'))
  })

  test('is attached, moved by attaching again, and detached as often as one likes', async (context) => {
    const raw = await openRaw(context)
    const device = raw.openNode()
    bind(raw, device, raw.iommufd)
    expect(() => attach(raw, device, 0xffff_ffff)).toThrow(errno('ENOENT'))
    const [one, other] = [allocateIoas(raw), allocateIoas(raw)]
    expect(attach(raw, device, one)).not.toBe(one)
    expect(() => destroy(raw, one)).toThrow(errno('EBUSY'))
    attach(raw, device, other)
    destroy(raw, one)
    detach(raw, device)
    detach(raw, device)
    destroy(raw, other)
  })

  test('keeps its group from being opened by the group node', async (context) => {
    const { kernel, group, address } = await bindForMode(context, 'iommufd', 'edu')
    using device = openDevice(kernel, { group, name: address }, { iommu: 'iommufd' })
    expect(device.iommuMode).toBe('iommufd')
    expect(() => kernel.open(`/dev/vfio/${group}`, 'rw')).toThrow(expect.objectContaining({ code: 'EBUSY' }))
  })

  test('that another has bound is DEVICE_BUSY', async (context) => {
    const raw = await openRaw(context)
    bind(raw, raw.openNode(), raw.iommufd)
    const { kernel, group, address } = await bindForMode(context, 'iommufd', 'edu')
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
  test('B6 of a longer struct: zeros behind what the kernel knows are taken, anything else is E2BIG', async (context) => {
    const raw = await openRaw(context)
    destroy(raw, allocateIoas(raw, [0, 0, 0, 0]))
    expect(() => allocateIoas(raw, [0, 0, 1, 0])).toThrow(errno('E2BIG'))
  })

  test('B7 is destroyed once, and not while a device is attached', async (context) => {
    const raw = await openRaw(context)
    const device = raw.openNode()
    bind(raw, device, raw.iommufd)
    const ioas = allocateIoas(raw)
    attach(raw, device, ioas)
    expect(() => destroy(raw, ioas)).toThrow(errno('EBUSY'))
    detach(raw, device)
    destroy(raw, ioas)
    expect(() => destroy(raw, ioas)).toThrow(errno('ENOENT'))
  })

  test('B5 maps everywhere until a device narrows it; a short array is EMSGSIZE with the true number', async (context) => {
    const raw = await openRaw(context)
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
    bind(raw, device, raw.iommufd)
    attach(raw, device, ioas_id)
    const short = ranges(1)
    expect(short.call).toThrow(errno('EMSGSIZE'))
    expect(short.answer()).toMatchObject({ num_iovas: 2 })
    const enough = ranges(short.answer().num_iovas)
    enough.call()
    expect(enough.answer()).toMatchObject({ num_iovas: 2, out_iova_alignment: 4096n })
    expect(enough.first()).toEqual({ start: 0n, last: 0xfedf_ffffn })
  })

  test('B5 the kernel chooses addresses in the ranges it is told to', async (context) => {
    const raw = await openRaw(context)
    const ioas_id = allocateIoas(raw)
    const allowed = encode(iommuIovaRange, { start: 0x1000_0000n, last: 0x1000_1fffn })
    const bytes = encode(iommuIoasAllowIovas, { size: iommuIoasAllowIovas.size, ioas_id, num_iovas: 1 })
    raw.kernel.ioctl(raw.iommufd, iommufdRequest.IOMMU_IOAS_ALLOW_IOVAS, bytes, [
      { offset: iommuIoasAllowIovas.fields.allowed_iovas[0], target: allowed },
    ])
    expect(mapRaw(raw, { ioas_id, flags: readable })).toBeGreaterThanOrEqual(0x1000_0000n)
    expect(mapRaw(raw, { ioas_id, flags: readable })).toBeLessThanOrEqual(0x1000_1000n)
    expect(() => mapRaw(raw, { ioas_id, flags: readable })).toThrow(errno('ENOSPC'))
  })

  test('B2 of which all is unmapped when it is empty: 0 bytes', async (context) => {
    const raw = await openRaw(context)
    expect(unmap(raw, allocateIoas(raw), 0n, everything)).toBe(0n)
  })

  test('B3 of which a part of a mapping is unmapped: ENOENT', async (context) => {
    const raw = await openRaw(context)
    const ioas_id = allocateIoas(raw)
    mapRaw(raw, { ioas_id, flags: fixed | readable, iova: 0x10_0000n, length: BigInt(2 * page) })
    expect(() => unmap(raw, ioas_id, 0x10_0000n, BigInt(page))).toThrow(errno('ENOENT'))
    expect(unmap(raw, ioas_id, 0n, 0x100_0000n)).toBe(BigInt(2 * page))
  })

  test('B8 takes what is mapped in another', async (context) => {
    const raw = await openRaw(context)
    const [from, to] = [allocateIoas(raw), allocateIoas(raw)]
    mapRaw(raw, { ioas_id: from, flags: fixed | readable, iova: 0x10_0000n })
    call(raw, iommufdRequest.IOMMU_IOAS_COPY, iommuIoasCopy, {
      flags: fixed | readable,
      dst_ioas_id: to,
      src_ioas_id: from,
      length: BigInt(page),
      dst_iova: 0x20_0000n,
      src_iova: 0x10_0000n,
    })
    expect(unmap(raw, to, 0x20_0000n, BigInt(page))).toBe(BigInt(page))
    expect(unmap(raw, from, 0x10_0000n, BigInt(page))).toBe(BigInt(page))
  })

  test('refuses each wrong mapping with an errno of its own', async (context) => {
    const raw = await openRaw(context)
    const device = raw.openNode()
    bind(raw, device, raw.iommufd)
    const ioas_id = allocateIoas(raw)
    attach(raw, device, ioas_id)
    const good = { ioas_id, flags: fixed | readable, iova: 0x10_0000n }
    mapRaw(raw, good)
    const refusals = [
      ['overlap', {}, 'EEXIST'],
      ['reserved', { iova: 0xfee0_0000n }, 'EINVAL'],
      ['unaligned', { iova: 0x20_0001n }, 'EINVAL'],
      ['empty', { iova: 0x20_0000n, length: 0n }, 'EINVAL'],
      ['unknown flag', { flags: 0x8000_0000 }, 'EOPNOTSUPP'],
      ['neither read nor written', { iova: 0x20_0000n, flags: fixed }, 'EINVAL'],
      ['past 64 bits', { iova: 0xffff_ffff_ffff_f000n, length: BigInt(2 * page) }, 'EOVERFLOW'],
      ['unknown IOAS', { ioas_id: 0xffff_ffff }, 'ENOENT'],
    ] as const
    const answers = refusals.map(([what, wrong]) => [what, errnoOf(() => mapRaw(raw, { ...good, ...wrong }))])
    expect(answers).toEqual(refusals.map(([what, , code]) => [what, code]))
  })
})

const fixed = ioasMapFlag.IOMMU_IOAS_MAP_FIXED_IOVA
const readable = ioasMapFlag.IOMMU_IOAS_MAP_READABLE

/** One page of new memory unless told otherwise. */
function mapRaw({ kernel, iommufd }: Raw, values: Partial<Values<typeof iommuIoasMap>>): bigint {
  const target = allocate(kernel, 2 * page)
  const bytes = encode(iommuIoasMap, { size: iommuIoasMap.size, length: BigInt(page), ...values })
  kernel.ioctl(iommufd, iommufdRequest.IOMMU_IOAS_MAP, bytes, [{ offset: iommuIoasMap.fields.user_va[0], target }])
  return decode(iommuIoasMap, bytes).iova
}

function errnoOf(call: () => unknown): string {
  try {
    call()
  } catch (error) {
    if (typeof error === 'object' && error !== null && 'code' in error) return String(error.code)
    throw error
  }
  return 'done'
}
