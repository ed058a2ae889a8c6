import { describe, expect, type TestContext, test } from 'vitest'
import { kernelOrder } from '../../../src/base/byte-order.ts'
import { decodeGroupStatus, vfioGroupStatus, vfioIommuType1Info } from '../../../src/uapi/container.ts'
import { vfioDeviceBindIommufd } from '../../../src/uapi/device.ts'
import {
  iommufdRequest,
  iommuHwInfo,
  iommuHwInfoVtd,
  iommuHwptAlloc,
  iommuIoasAllowIovas,
  iommuIoasCopy,
  iommuIovaRange,
  iommuOption,
  iommuOptionId,
  iommuOptionOp,
  iommuVfioIoas,
  iommuVfioIoasOp,
} from '../../../src/uapi/iommufd.ts'
import { request } from '../../../src/uapi/requests.ts'
import { decode, encode, type Values } from '../../../src/uapi/struct.ts'
import { errnoOf } from '../kernel-answer.ts'
import { iommu, pageBytes as page } from '../machine.ts'
import { openRawContainer, openTranslating, unmapDma } from './raw-container.ts'
import {
  allocateIoas,
  attachDevice,
  callIommufd,
  destroy,
  detachDevice,
  fixed,
  mapIoas,
  openRawIommufd,
  type RawIommufd,
  readable,
  unmapIoas,
} from './raw-iommufd.ts'

/** IOMMU_HWPT_FAULT_ID_VALID, and beside it the queue's number. */
const faultsTo = 0x4
/** IOMMU_HWPT_ALLOC_PASID. */
const besidePasids = 0x8

interface Bound extends RawIommufd {
  readonly device: number
  /** The device's number in iommufd. */
  readonly id: number
}

async function openBound(context: TestContext): Promise<Bound> {
  const raw = await openRawIommufd(context)
  const device = raw.openNode()
  const bytes = encode(vfioDeviceBindIommufd, { argsz: vfioDeviceBindIommufd.size, iommufd: raw.iommufd })
  raw.kernel.ioctl(device, request.VFIO_DEVICE_BIND_IOMMUFD, bytes)
  return { ...raw, device, id: decode(vfioDeviceBindIommufd, bytes).out_devid }
}

function option(raw: RawIommufd, values: Partial<Values<typeof iommuOption>>): bigint {
  return callIommufd(raw, iommufdRequest.IOMMU_OPTION, iommuOption, values).val64
}

function allocatePageTable(raw: RawIommufd, values: Partial<Values<typeof iommuHwptAlloc>>): number {
  return callIommufd(raw, iommufdRequest.IOMMU_HWPT_ALLOC, iommuHwptAlloc, values).out_hwpt_id
}

describe('an object of iommufd', () => {
  test('has the lowest number from 1 on that is free', async (context) => {
    const raw = await openRawIommufd(context)
    expect([allocateIoas(raw), allocateIoas(raw), allocateIoas(raw)]).toEqual([1, 2, 3])
    destroy(raw, 2)
    expect([allocateIoas(raw), allocateIoas(raw)]).toEqual([2, 4])
  })

  test('a device is busy as long as it is bound', async (context) => {
    const raw = await openBound(context)
    expect(errnoOf(() => destroy(raw, raw.id))).toBe('EBUSY')
    expect(errnoOf(() => attachDevice(raw, raw.device, raw.id))).toBe('EINVAL')
  })

  test('a page table made by attaching is busy, and gone with the last device', async (context) => {
    const raw = await openBound(context)
    const pageTable = attachDevice(raw, raw.device, allocateIoas(raw))
    expect(errnoOf(() => destroy(raw, pageTable))).toBe('EBUSY')
    expect(attachDevice(raw, raw.device, pageTable)).toBe(pageTable)
    detachDevice(raw, raw.device)
    expect(errnoOf(() => destroy(raw, pageTable))).toBe('ENOENT')
  })

  test('a page table of our own narrows its IOAS, and goes when it is told to', async (context) => {
    const raw = await openBound(context)
    const pt_id = allocateIoas(raw)
    const wrong = [
      [{ dev_id: 99, pt_id }, 'ENOENT'],
      [{ dev_id: raw.id, pt_id: 99 }, 'EINVAL'],
      [{ dev_id: raw.id, pt_id, flags: 0x8000_0000 }, 'EOPNOTSUPP'],
      [{ dev_id: raw.id, pt_id, flags: faultsTo, fault_id: 99 }, 'ENOENT'],
      [{ dev_id: raw.id, pt_id: 99, flags: faultsTo, fault_id: 99 }, 'EINVAL'],
      [{ dev_id: raw.id, pt_id, data_len: 8 }, 'EINVAL'],
      [{ dev_id: raw.id, pt_id, __reserved: 1 }, 'EOPNOTSUPP'],
    ] as const
    expect(wrong.map(([values]) => errnoOf(() => allocatePageTable(raw, values)))).toEqual(
      wrong.map(([, code]) => code),
    )
    destroy(raw, allocatePageTable(raw, { dev_id: raw.id, pt_id, flags: besidePasids }))
    const pageTable = allocatePageTable(raw, { dev_id: raw.id, pt_id })
    expect(errnoOf(() => allocatePageTable(raw, { dev_id: raw.id, pt_id: pageTable }))).toBe('EOPNOTSUPP')
    // what it does not translate is reserved; the window of a device's messages is the device's
    expect(errnoOf(() => mapIoas(raw, { ioas_id: pt_id, flags: fixed | readable, iova: 1n << 40n }))).toBe('EINVAL')
    expect(mapIoas(raw, { ioas_id: pt_id, flags: fixed | readable, iova: 0xfee0_0000n })).toBe(0xfee0_0000n)
    expect(errnoOf(() => attachDevice(raw, raw.device, pageTable))).toBe('EADDRINUSE')
    unmapIoas(raw, pt_id, 0xfee0_0000n, page)
    expect(attachDevice(raw, raw.device, pageTable)).toBe(pageTable)
    expect([errnoOf(() => destroy(raw, pageTable)), errnoOf(() => destroy(raw, pt_id))]).toEqual(['EBUSY', 'EBUSY'])
    detachDevice(raw, raw.device)
    destroy(raw, pageTable)
    destroy(raw, pt_id)
  })
})

describe('the IOMMU before a device', () => {
  /** Answer of IOMMU_GET_HW_INFO, with its data in a buffer of 32 bytes. */
  function ask(raw: RawIommufd, values: Partial<Values<typeof iommuHwInfo>>) {
    const target = new Uint8Array(32).fill(0xa5)
    const bytes = encode(iommuHwInfo, { size: iommuHwInfo.size, ...values })
    const pointer = { offset: iommuHwInfo.fields.data_uptr[0], target }
    raw.kernel.ioctl(raw.iommufd, iommufdRequest.IOMMU_GET_HW_INFO, bytes, [pointer])
    return { ...decode(iommuHwInfo, bytes), data: target }
  }

  test('is an Intel one of 39 bits, without PASIDs and dirty tracking', async (context) => {
    const raw = await openBound(context)
    const { data, ...told } = ask(raw, { dev_id: raw.id, data_len: 32 })
    expect(told).toMatchObject({ out_data_type: 1, data_len: iommuHwInfoVtd.size, out_max_pasid_log2: 0 })
    expect(told.out_capabilities).toBe(8n)
    expect(decode(iommuHwInfoVtd, data)).toEqual({
      flags: 1,
      __reserved: 0,
      cap_reg: 0xd2_008c_2226_0286n,
      ecap_reg: 0xf0_0f4an,
    })
    expect([...data.subarray(iommuHwInfoVtd.size)]).toEqual(Array(8).fill(0))
  })

  test('is asked for an answer of one type, or of any: EOPNOTSUPP for a type that it has not', async (context) => {
    const raw = await openBound(context)
    const ofType = 1
    for (const type of [0, 1]) {
      expect(ask(raw, { dev_id: raw.id, flags: ofType, out_data_type: type }).out_data_type).toBe(1)
    }
    expect(errnoOf(() => ask(raw, { dev_id: raw.id, flags: ofType, out_data_type: 2 }))).toBe('EOPNOTSUPP')
    expect(errnoOf(() => ask(raw, { dev_id: 99, flags: ofType }))).toBe('ENOENT')
    expect(errnoOf(() => ask(raw, { dev_id: 99, flags: 2 }))).toBe('EOPNOTSUPP')
  })

  test('is told as far as there is room, with the size of all', async (context) => {
    const raw = await openBound(context)
    const { data, data_len } = ask(raw, { dev_id: raw.id, data_len: 4 })
    expect(data_len).toBe(iommuHwInfoVtd.size)
    expect([...data.subarray(0, 8)]).toEqual([1, 0, 0, 0, 0xa5, 0xa5, 0xa5, 0xa5])
    expect(ask(raw, { dev_id: raw.id, data_len: 0 }).data_len).toBe(iommuHwInfoVtd.size)
  })

  test('is told of a device that is bound alone, and with no flag', async (context) => {
    const raw = await openBound(context)
    expect(errnoOf(() => ask(raw, { dev_id: 99 }))).toBe('ENOENT')
    expect(errnoOf(() => ask(raw, { dev_id: allocateIoas(raw) }))).toBe('ENOENT')
    expect(errnoOf(() => ask(raw, { dev_id: raw.id, flags: 0x8000_0000 }))).toBe('EOPNOTSUPP')
  })
})

describe('options of iommufd', () => {
  const { IOMMU_OPTION_RLIMIT_MODE, IOMMU_OPTION_HUGE_PAGES } = iommuOptionId
  const { IOMMU_OPTION_OP_SET, IOMMU_OPTION_OP_GET } = iommuOptionOp

  test('say whom memory is charged to: chosen before there is any object', async (context) => {
    const raw = await openRawIommufd(context)
    const mode = { option_id: IOMMU_OPTION_RLIMIT_MODE }
    expect(option(raw, { ...mode, op: IOMMU_OPTION_OP_GET })).toBe(0n)
    option(raw, { ...mode, op: IOMMU_OPTION_OP_SET, val64: 1n })
    expect(option(raw, { ...mode, op: IOMMU_OPTION_OP_GET })).toBe(1n)
    const object_id = allocateIoas(raw)
    const wrong = [
      [{ ...mode, op: IOMMU_OPTION_OP_SET, val64: 0n }, 'EBUSY'],
      [{ ...mode, op: IOMMU_OPTION_OP_GET, object_id }, 'EOPNOTSUPP'],
      [{ ...mode, op: 7 }, 'EOPNOTSUPP'],
      [{ option_id: 99, op: IOMMU_OPTION_OP_GET }, 'EOPNOTSUPP'],
    ] as const
    expect(wrong.map(([values]) => errnoOf(() => option(raw, values)))).toEqual(wrong.map(([, code]) => code))
  })

  test('forbid an IOAS large pages, unless it has them already', async (context) => {
    const raw = await openBound(context)
    const object_id = allocateIoas(raw)
    const large = { option_id: IOMMU_OPTION_HUGE_PAGES, object_id }
    const set = (val64: bigint) => errnoOf(() => option(raw, { ...large, op: IOMMU_OPTION_OP_SET, val64 }))
    expect(option(raw, { ...large, op: IOMMU_OPTION_OP_GET })).toBe(1n)
    attachDevice(raw, raw.device, object_id)
    mapIoas(raw, { ioas_id: object_id, flags: fixed | readable, iova: 0x10_0000n })
    expect([set(0n), set(2n)]).toEqual(['EINVAL', 'EINVAL'])
    unmapIoas(raw, object_id, 0x10_0000n, page)
    expect([set(0n), option(raw, { ...large, op: IOMMU_OPTION_OP_GET }), set(1n)]).toEqual(['done', 0n, 'done'])
    expect(errnoOf(() => option(raw, { ...large, object_id: 99, op: IOMMU_OPTION_OP_GET }))).toBe('ENOENT')
  })
})

describe('an IOAS without a device', () => {
  test('maps any number of bytes anywhere, and is asked for pages by the first device', async (context) => {
    const raw = await openBound(context)
    const ioas_id = allocateIoas(raw)
    expect(mapIoas(raw, { ioas_id, flags: fixed | readable, iova: 0x1001n, length: 3n })).toBe(0x1001n)
    expect(errnoOf(() => attachDevice(raw, raw.device, ioas_id))).toBe('EADDRINUSE')
    expect(unmapIoas(raw, ioas_id, 0x1000n, page)).toBe(3n)
    attachDevice(raw, raw.device, ioas_id)
  })

  test('says ENOENT where nothing is mapped, and nothing that a range cuts is unmapped', async (context) => {
    const raw = await openRawIommufd(context)
    const ioas_id = allocateIoas(raw)
    expect(errnoOf(() => unmapIoas(raw, ioas_id, 0x10_0000n, page))).toBe('ENOENT')
    expect(errnoOf(() => unmapIoas(raw, ioas_id, 0x10_0000n, 0n))).toBe('EINVAL')
    expect(errnoOf(() => unmapIoas(raw, ioas_id, 2n ** 64n - page, 2n * page))).toBe('EOVERFLOW')
    const flags = fixed | readable
    mapIoas(raw, { ioas_id, flags, iova: 0x10_0000n })
    mapIoas(raw, { ioas_id, flags, iova: 0x10_0000n + page, length: 2n * page })
    // those below the one that it would cut are gone all the same
    expect(errnoOf(() => unmapIoas(raw, ioas_id, 0x10_0000n, 2n * page))).toBe('ENOENT')
    expect(unmapIoas(raw, ioas_id, 0x10_0000n, 3n * page)).toBe(2n * page)
  })

  test('copies what is mapped without a gap, and lets nobody write to what was lent to be read', async (context) => {
    const raw = await openRawIommufd(context)
    const [from, to] = [allocateIoas(raw), allocateIoas(raw)]
    const copy = (values: Partial<Values<typeof iommuIoasCopy>>) =>
      callIommufd(raw, iommufdRequest.IOMMU_IOAS_COPY, iommuIoasCopy, {
        flags: readable | fixed,
        src_ioas_id: from,
        dst_ioas_id: to,
        src_iova: 0x10_0000n,
        dst_iova: 0x20_0000n,
        length: 2n * page,
        ...values,
      })
    for (const iova of [0x10_0000n, 0x10_0000n + page]) mapIoas(raw, { ioas_id: from, flags: fixed | readable, iova })
    const wrong = [
      [{ length: 3n * page }, 'ENOENT'],
      [{ length: 0n }, 'EINVAL'],
      [{ flags: 2 | fixed }, 'EPERM'],
      [{ flags: fixed }, 'EINVAL'],
      [{ flags: 0x10 | readable }, 'EOPNOTSUPP'],
      [{ src_ioas_id: 99 }, 'ENOENT'],
    ] as const
    expect(wrong.map(([values]) => errnoOf(() => copy(values)))).toEqual(wrong.map(([, code]) => code))
    copy({})
    expect(errnoOf(() => copy({}))).toBe('EEXIST')
    expect(unmapIoas(raw, to, 0x20_0000n, 2n * page)).toBe(2n * page)
  })

  test('is told ranges that do not overlap, and none that is reserved', async (context) => {
    const raw = await openBound(context)
    const ioas_id = allocateIoas(raw)
    attachDevice(raw, raw.device, ioas_id)
    const allow = (...ranges: readonly (readonly [bigint, bigint])[]) => {
      const target = new Uint8Array(
        Buffer.concat(ranges.map(([start, last]) => encode(iommuIovaRange, { start, last }))),
      )
      const { size } = iommuIoasAllowIovas
      const bytes = encode(iommuIoasAllowIovas, { size, ioas_id, num_iovas: ranges.length })
      const pointer = { offset: iommuIoasAllowIovas.fields.allowed_iovas[0], target }
      return errnoOf(() => raw.kernel.ioctl(raw.iommufd, iommufdRequest.IOMMU_IOAS_ALLOW_IOVAS, bytes, [pointer]))
    }
    expect(allow([0x1000n, 0x1fffn], [0x1800n, 0x2fffn])).toBe('EINVAL')
    expect(allow([0x1000n, 0x1000n])).toBe('EINVAL')
    expect(allow([0xfed0_0000n, 0xfeef_ffffn])).toBe('EADDRINUSE')
    expect(allow([0x1000n, 0x1fffn], [0x3000n, 0x3fffn])).toBe('done')
  })
})

describe('iommufd as a container', () => {
  test('answers for no IOAS before a group is in it, and for that of the group then', async (context) => {
    const raw = await openRawContainer(context, 'compat-type1v2')
    const { kernel, container } = raw
    const compat = (op: number, ioas_id = 0) => {
      const bytes = encode(iommuVfioIoas, { size: iommuVfioIoas.size, op, ioas_id })
      kernel.ioctl(container, iommufdRequest.IOMMU_VFIO_IOAS, bytes)
      return decode(iommuVfioIoas, bytes).ioas_id
    }
    const { IOMMU_VFIO_IOAS_GET, IOMMU_VFIO_IOAS_SET, IOMMU_VFIO_IOAS_CLEAR } = iommuVfioIoasOp
    expect([errnoOf(() => compat(IOMMU_VFIO_IOAS_GET)), errnoOf(() => unmapDma(raw, 0n, page))]).toEqual([
      'ENODEV',
      'ENODEV',
    ])
    expect(errnoOf(() => kernel.ioctl(container, request.VFIO_SET_IOMMU, 3))).toBe('ENODEV')
    expect(errnoOf(() => kernel.ioctl(container, request.VFIO_SET_IOMMU, 8))).toBe('EINVAL')
    raw.setContainer()
    expect(compat(IOMMU_VFIO_IOAS_GET)).toBe(1)
    expect([errnoOf(() => compat(IOMMU_VFIO_IOAS_SET, 99)), errnoOf(() => compat(9))]).toEqual(['ENOENT', 'EOPNOTSUPP'])
    compat(IOMMU_VFIO_IOAS_CLEAR)
    expect(errnoOf(raw.openDevice)).toBe('ENODEV')
    compat(IOMMU_VFIO_IOAS_SET, 1)
    raw.openDevice()
    expect(errnoOf(() => kernel.ioctl(raw.group, request.VFIO_GROUP_UNSET_CONTAINER))).toBe('done')
  })

  test('has a group that left it, while a device of the group is open there: a container refuses it', async (context) => {
    const { kernel, group, container, open, setContainer, openDevice } = await openRawContainer(
      context,
      'compat-type1v2',
    )
    const status = () => {
      const bytes = encode(vfioGroupStatus, { argsz: vfioGroupStatus.size })
      kernel.ioctl(group, request.VFIO_GROUP_GET_STATUS, bytes)
      return decodeGroupStatus(bytes)
    }
    expect(status()).toEqual({ viable: true, containerSet: false })
    setContainer()
    openDevice()
    expect(status()).toEqual({ viable: true, containerSet: true })
    kernel.ioctl(group, request.VFIO_GROUP_UNSET_CONTAINER)
    expect(status()).toEqual({ viable: false, containerSet: false })
    expect(errnoOf(() => setContainer(open('/dev/vfio/vfio')))).toBe('EPERM')
    expect(errnoOf(() => setContainer(container))).toBe('done')
    expect(status()).toEqual({ viable: true, containerSet: true })
  })

  test('tells as many capabilities as there is room for, and the size of all', async (context) => {
    const raw = await openTranslating(context, 'compat-type1v2')
    raw.openDevice()
    const ask = (argsz: number) => {
      const bytes = new Uint8Array(256).fill(0xee)
      new DataView(bytes.buffer).setUint32(0, argsz, kernelOrder)
      raw.kernel.ioctl(raw.container, request.VFIO_IOMMU_GET_INFO, bytes)
      return { bytes, ...decode(vfioIommuType1Info, bytes) }
    }
    const whole = ask(256)
    expect(whole).toMatchObject({ flags: 3, cap_offset: 24, iova_pgsizes: iommu.pageSizes })
    expect(whole.argsz).toBe(24 + 16 + 16 + 2 * 16)
    for (let argsz = 16; argsz <= whole.argsz; argsz++) {
      const { bytes, argsz: told, cap_offset } = ask(argsz)
      expect(told).toBe(whole.argsz)
      if (argsz >= 20) expect(cap_offset).toBe(argsz >= whole.argsz ? 24 : 0)
      expect(bytes.subarray(argsz).every((byte) => byte === 0xee)).toBe(true)
    }
    expect(errnoOf(() => ask(15))).toBe('EINVAL')
  })
})
