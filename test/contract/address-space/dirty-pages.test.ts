import { randomUUID } from 'node:crypto'
import { describe, expect, onTestFinished, type TestContext, test } from 'vitest'
import { kernelOrder } from '../../../src/base/byte-order.ts'
import { createMockHost, type DeviceContext, type GuestMemory, MdevModel } from '../../../src/mock.ts'
import {
  dirtyPagesFlag,
  dmaUnmapFlag,
  vfioBitmap,
  vfioIommuType1DirtyBitmap,
  vfioIommuType1DirtyBitmapGet,
  vfioIommuType1DmaUnmap,
} from '../../../src/uapi/container.ts'
import { request } from '../../../src/uapi/requests.ts'
import { encode } from '../../../src/uapi/struct.ts'
import { allocate } from '../iommu-modes.ts'
import { contractKernel, isLinuxBefore } from '../kernel.ts'
import { errnoOf } from '../kernel-answer.ts'
import { pageBytes as page } from '../machine.ts'
import { mapDma, openTranslating, type RawContainer, rawContainer, translating, unmapDma } from './raw-container.ts'

const iova = 0x10_0000n
const { VFIO_IOMMU_DIRTY_PAGES_FLAG_START: start, VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP: stop } = dirtyPagesFlag
const { VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP: get } = dirtyPagesFlag

/** Each byte of the bitmap before the kernel writes to it. */
const before = 0xa5

interface Asked {
  readonly at?: bigint
  readonly size?: bigint
  readonly pageSize?: bigint
  /** Bytes that the bitmap is said to have. */
  readonly room?: bigint
  readonly argsz?: number
}

function dirtyPages({ kernel, container }: RawContainer) {
  const call = (bytes: Uint8Array, bitmap?: Uint8Array) => {
    const offset = vfioIommuType1DirtyBitmap.size + vfioIommuType1DirtyBitmapGet.size - vfioBitmap.size
    const pointers = bitmap === undefined ? [] : [{ offset: offset + vfioBitmap.fields.data[0], target: bitmap }]
    return kernel.ioctl(container, request.VFIO_IOMMU_DIRTY_PAGES, bytes, pointers)
  }
  const set = (flags: number, argsz: number = vfioIommuType1DirtyBitmap.size) =>
    call(encode(vfioIommuType1DirtyBitmap, { argsz, flags }))
  return {
    set,
    /** A bitmap of 16 bytes. */
    get({ at = iova, size = 64n * page, pageSize = page, room = 16n, argsz }: Asked = {}): Uint8Array {
      const bitmap = new Uint8Array(16).fill(before)
      const range = encode(vfioIommuType1DirtyBitmapGet, { iova: at, size })
      range.set(encode(vfioBitmap, { pgsize: pageSize, size: room }), range.length - vfioBitmap.size)
      const whole = vfioIommuType1DirtyBitmap.size + range.length
      const header = encode(vfioIommuType1DirtyBitmap, { argsz: argsz ?? whole, flags: get })
      call(Uint8Array.of(...header, ...range), bitmap)
      return bitmapBytes(bitmap)
    },
    /** Unmaps, and what of it was dirty. */
    unmap(size: bigint, at = iova, pageSize = page): Uint8Array {
      const bitmap = new Uint8Array(16).fill(before)
      const flags = dmaUnmapFlag.VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP
      const argsz = vfioIommuType1DmaUnmap.size + vfioBitmap.size
      const header = encode(vfioIommuType1DmaUnmap, { argsz, flags, iova: at, size })
      const behind = encode(vfioBitmap, { pgsize: pageSize, size: 16n })
      const offset = vfioIommuType1DmaUnmap.size + vfioBitmap.fields.data[0]
      const bytes = Uint8Array.of(...header, ...behind)
      kernel.ioctl(container, request.VFIO_IOMMU_UNMAP_DMA, bytes, [{ offset, target: bitmap }])
      return bitmapBytes(bitmap)
    },
  }
}

/** A bitmap is words of 64 bits of the kernel's order: here its bytes, that of the first pages first. */
function bitmapBytes(bitmap: Uint8Array): Uint8Array {
  return kernelOrder ? bitmap : Uint8Array.from(Buffer.from(bitmap).swap64())
}

async function open(context: TestContext) {
  const raw = await openTranslating(context, 'type1v2')
  const memory = allocate(raw.kernel, 256 * Number(page))
  onTestFinished(() => memory.close())
  return {
    raw,
    ...dirtyPages(raw),
    map: (at: bigint, pages: bigint) => mapDma(raw, { iova: at, size: pages * page }, memory),
  }
}

/** The memory of a mediated driver that does nothing by itself, and the container that its device is in. */
async function openDriver(): Promise<{ raw: RawContainer; memory: GuestMemory }> {
  const made: GuestMemory[] = []
  const make = (context: DeviceContext) => {
    const { memory } = context
    made.push(memory)
    memory.onUnmap((at, size) => memory.unpin(at, Number(size / 4096n)))
    return new MdevModel(context)
  }
  const { kernel } = createMockHost('demo', { models: [{ parent: 'desk', type: 'desk-1', make }] })
  onTestFinished(() => kernel.dispose())
  const uuid = randomUUID()
  await kernel.files.write('/sys/class/mdev_bus/desk/mdev_supported_types/desk-1/create', uuid)
  const group = Number(kernel.files.readlink(`/sys/bus/mdev/devices/${uuid}/iommu_group`).split('/').at(-1))
  const raw = translating(rawContainer({ kernel, group, address: uuid }, 'type1v2'), 'type1v2')
  raw.openDevice()
  const [memory] = made
  if (memory === undefined) throw new Error('opening the device made no model')
  return { raw, memory }
}

function bits(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(' ')
}

const untouched = 'a5 a5 a5 a5 a5 a5 a5 a5'

describe('the pages that devices may have written to', () => {
  test('are logged from one call to another, each of which may be made twice', async (context) => {
    const { set, get, map } = await open(context)
    map(iova, 2n)
    expect(errnoOf(() => get())).toBe('EINVAL')
    expect([set(stop), set(start), set(start)]).toEqual([0, 0, 0])
    expect(errnoOf(() => get())).toBe('done')
    expect([set(stop), set(stop)]).toEqual([0, 0])
    expect(errnoOf(() => get())).toBe('EINVAL')
  })

  test('are all that is mapped, as long as an IOMMU lets a device write unseen', async (context) => {
    const { set, get, map } = await open(context)
    map(iova, 2n)
    set(start)
    map(iova + 3n * page, 6n)
    expect(bits(get())).toBe(`fb 01 00 00 00 00 00 00 ${untouched}`)
    expect(bits(get({ at: iova + 64n * page }))).toBe(`${untouched} ${untouched}`)
  })

  test('are told with a few more from the second time on, where their mapping begins inside a word', async (context) => {
    const { set, get, map } = await open(context)
    map(iova, 2n)
    map(iova + 3n * page, 6n)
    set(start)
    // the driver does not clear what it has moved past the mapping's end
    expect([get(), get(), get()].map((bitmap) => bitmap[1])).toEqual([0x01, 0x0f, 0x7f])
  })

  test('are told in words of 8 bytes, each from its first mapping on', async (context) => {
    const { set, get, map } = await open(context)
    map(iova + 60n * page, 8n)
    set(start)
    const told = bits(get({ size: 128n * page }))
    expect(told).toBe('a5 a5 a5 a5 a5 a5 a5 f5 0f 00 00 00 00 00 00 00')
  })

  test('are told with the last of a mapping too', async (context) => {
    const { set, get, map, unmap } = await open(context)
    map(iova, 3n)
    set(start)
    expect(bits(unmap(64n * page))).toBe(`07 00 00 00 00 00 00 00 ${untouched}`)
    expect(bits(get())).toBe(`${untouched} ${untouched}`)
    map(iova, 1n)
    expect(bits(get())).toBe(`01 00 00 00 00 00 00 00 ${untouched}`)
  })

  test.for<[string, Asked]>([
    ['a range that begins inside a mapping', { at: iova + page }],
    ['a range that ends inside a mapping', { size: page }],
    ['no range', { size: 0n }],
    ['a range of half a page', { size: page / 2n }],
    ['a range that begins inside a page', { at: iova - 1n }],
    ['pages of another size', { pageSize: 2n * page }],
    ['a bitmap that is too short', { size: 65n * page, room: 8n }],
    ['no bitmap', { room: 0n }],
    ['a bitmap that is too long', { room: 2n ** 28n + 1n }],
    ['an argsz that ends before the bitmap', { argsz: 47 }],
    ['an argsz that ends after the flags', { argsz: 8 }],
  ])('are EINVAL of %s', async ([, asked], context) => {
    const { set, get, map } = await open(context)
    map(iova, 2n)
    set(start)
    expect(errnoOf(() => get(asked))).toBe('EINVAL')
  })

  test('are EINVAL of what is unmapped while nobody logs, or with pages of another size, which stays', async (context) => {
    const { set, map, unmap } = await open(context)
    map(iova, 2n)
    expect(errnoOf(() => unmap(64n * page))).toBe('EINVAL')
    set(start)
    expect(errnoOf(() => unmap(64n * page, iova, 2n * page))).toBe('EINVAL')
    expect(bits(unmap(64n * page))).toBe(`03 00 00 00 00 00 00 00 ${untouched}`)
  })

  test('are looked for after the range itself, which may end past 64 bits', async (context) => {
    const { raw, unmap } = await open(context)
    const past = (1n << 64n) - page
    const alone = errnoOf(() => unmapDma(raw, past, 2n * page))
    expect([alone, errnoOf(() => unmap(2n * page, past)), errnoOf(() => unmap(2n * page, past, 2n * page))]).toEqual([
      isLinuxBefore(raw, 6, 19) ? 'EINVAL' : 'EOVERFLOW',
      alone,
      alone,
    ])
  })

  test('are EFAULT where the process has no memory for the bitmap', async (context) => {
    const { set, get, map } = await open(context)
    set(start)
    map(iova, 129n)
    expect(errnoOf(() => get({ size: 192n * page, room: 24n }))).toBe('EFAULT')
  })

  test('are asked for in one way at a time: all else is EINVAL', async (context) => {
    const { set } = await open(context)
    for (const flags of [start | stop, start | get, 8, 8 | start]) expect(errnoOf(() => set(flags))).toBe('EINVAL')
    expect(errnoOf(() => set(start, 7))).toBe('EINVAL')
  })

  test('are none of a mediated device whose driver reaches no memory', async (context) => {
    const contract = contractKernel()
    onTestFinished(() => contract.kernel.dispose())
    if (contract.kernel.files.kind('/sys/class/mdev_bus/mtty') === null) context.skip('module mtty is not loaded')
    const { uuid, group } = await contract.createMdev('mtty', 'mtty-2')
    onTestFinished(() => contract.remove(uuid))
    const raw = translating(rawContainer({ ...contract, group, address: uuid }, 'type1v2'), 'type1v2')
    const { set, get } = dirtyPages(raw)
    mapDma(raw, { iova, size: 4n * page })
    set(start)
    expect(bits(get())).toBe(`00 00 00 00 00 00 00 00 ${untouched}`)
  })

  test('are those that a mediated driver pinned or wrote: the pinned ones again and again (on the mock alone)', async () => {
    const page = 4096n
    const { raw, memory } = await openDriver()
    const { set, ...dirty } = dirtyPages(raw)
    const get = () => dirty.get({ size: 64n * page, pageSize: page })
    mapDma(raw, { iova, size: 16n * page })
    memory.pin(iova, 1, { read: true, write: true })
    memory.write(iova + 2n * page, Uint8Array.of(1))
    set(start)
    expect(bits(get())).toBe(`01 00 00 00 00 00 00 00 ${untouched}`)
    memory.write(iova + 5n * page - 1n, Uint8Array.of(1, 1))
    memory.pin(iova + 9n * page, 1, { read: true, write: true })
    memory.unpin(iova + 9n * page, 1)
    expect(bits(get())).toBe(`31 02 00 00 00 00 00 00 ${untouched}`)
    expect(bits(get())).toBe(`01 00 00 00 00 00 00 00 ${untouched}`)
  })

  test('are too many of a mapping with more of them than an int counts: EINVAL (on the mock alone)', async () => {
    const { raw } = await openDriver()
    const { set } = dirtyPages(raw)
    const huge = { iova: 1n << 44n, size: 1n << 43n }
    mapDma(raw, huge)
    expect(errnoOf(() => set(start))).toBe('EINVAL')
    expect(unmapDma(raw, huge.iova, huge.size)).toBe(huge.size)
    set(start)
    expect(errnoOf(() => mapDma(raw, huge))).toBe('EINVAL')
    expect(unmapDma(raw, huge.iova, huge.size)).toBe(0n)
  })

  test('are EACCES of a container of version 1', async (context) => {
    const { set } = dirtyPages(await openTranslating(context, 'type1'))
    expect(errnoOf(() => set(start))).toBe('EACCES')
  })

  test('are ENOTTY of an iommufd as a container', async (context) => {
    const { set } = dirtyPages(await openTranslating(context, 'compat-type1v2'))
    expect(errnoOf(() => set(start))).toBe('ENOTTY')
  })
})
