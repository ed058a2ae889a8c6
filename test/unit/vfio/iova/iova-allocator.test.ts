import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { IovaRange } from '../../../../src/vfio/address-space/address-space.ts'
import { IovaAllocator, type IovaRequest } from '../../../../src/vfio/iova/iova-allocator.ts'

const KiB = 1024
const MiB = 1024 * KiB
const page = 4 * KiB

/** Ranges that the Intel IOMMU of QEMU reports: 39 bits with a hole for message-signalled interrupts. */
const intel: readonly IovaRange[] = [
  { first: 0n, last: 0xfedf_ffffn },
  { first: 0xfef0_0000n, last: 0x7f_ffff_ffffn },
]
const everything: readonly IovaRange[] = [{ first: 0n, last: 0xffff_ffff_ffff_ffffn }]

function allocator(ranges: readonly IovaRange[] = intel, pageSize: number = page): IovaAllocator {
  return new IovaAllocator(pageSize, 2 ** 21, () => ranges)
}

function code(expected: string) {
  return expect.objectContaining({ code: expected })
}

describe('I/O addresses', () => {
  test('are the highest below 4 GiB and the interrupt window, then those above', () => {
    const small = allocator([
      { first: 0xfedf_e000n, last: 0xfedf_ffffn },
      { first: 0xfef0_0000n, last: 0x1_0000_0fffn },
    ])
    expect(small.allocate({ size: page })).toBe(0xfedf_f000n)
    expect(small.allocate({ size: page })).toBe(0xfedf_e000n)
    expect(small.allocate({ size: page })).toBe(0x1_0000_0000n)
    expect(small.allocate({ size: 2 * page })).toBe(0xffff_e000n)
  })

  test('keep clear of the interrupt window even before a device makes it a reserved range', () => {
    expect(allocator(everything).allocate({ size: page })).toBe(0xfedf_f000n)
  })

  test('of a device with 28 bits lie below 256 MiB, and run out there', () => {
    const iovas = allocator()
    expect(iovas.allocate({ size: 255 * MiB, addressBits: 28 })).toBe(BigInt(MiB))
    expect(() => iovas.allocate({ size: 2 * MiB, addressBits: 28 })).toThrow(
      expect.objectContaining({
        code: 'NO_IOVA_LEFT',
        message: 'no addresses are left for 2 MiB within 28 address bits',
        facts: {
          size: 2 * MiB,
          addressBits: 28,
          ranges: ['0x0-0xfedfffff', '0xfef00000-0x7fffffffff'],
        },
      }),
    )
    expect(iovas.allocate({ size: 2 * MiB })).toBe(0xfec0_0000n)
  })

  test('for huge pages are multiples of 2 MiB', () => {
    const iovas = allocator()
    expect(iovas.allocate({ size: page })).toBe(0xfedf_f000n)
    expect(iovas.allocate({ size: 2 * MiB, alignment: 'huge' })).toBe(0xfea0_0000n)
    expect(iovas.allocate({ size: page })).toBe(0xfedf_e000n)
    const one = allocator([{ first: 0x1f_f000n, last: 0x3f_ffffn }])
    expect(one.allocate({ size: 2 * MiB, alignment: 'huge' })).toBe(0x20_0000n)
  })

  test('reach up to the last byte of 64 bits', () => {
    const last = 0xffff_ffff_ffff_f000n
    const top = allocator([{ first: last, last: 0xffff_ffff_ffff_ffffn }])
    expect(top.allocate({ size: page })).toBe(last)
    expect(() => top.allocate({ size: page })).toThrow(code('NO_IOVA_LEFT'))
    top.free(last, page)
    expect(top.allocate({ size: page, iova: last })).toBe(last)
  })

  test('of 64 KiB pages are multiples of those', () => {
    const iovas = allocator([{ first: 0x1_1000n, last: 0x3_0fffn }], 64 * KiB)
    expect(iovas.allocate({ size: 64 * KiB })).toBe(0x2_0000n)
    expect(() => iovas.allocate({ size: 64 * KiB })).toThrow(code('NO_IOVA_LEFT'))
    expect(() => iovas.allocate({ size: page })).toThrow(code('INVALID_ARGUMENT'))
  })
})

describe('a given address', () => {
  test('is taken as it is, and is in use until it is freed', () => {
    const iovas = allocator()
    expect(iovas.allocate({ size: 4 * page, iova: 0x10_0000n })).toBe(0x10_0000n)
    for (const iova of [0x10_0000n, 0x10_3000n, 0xf_d000n]) {
      expect(() => iovas.allocate({ size: 4 * page, iova })).toThrow(code('IOVA_IN_USE'))
    }
    iovas.free(0x10_0000n, 4 * page)
    expect(iovas.allocate({ size: page, iova: 0x10_3000n })).toBe(0x10_3000n)
  })

  test.for([
    ['the interrupt window', 0xfee0_0000n, page],
    ['the end of a range, partly', 0xfedf_f000n, 2 * page],
    ['the aperture', 0x80_0000_0000n, page],
    ['64 bits', 0xffff_ffff_ffff_f000n, 2 * page],
  ] as const)('beyond %s is reserved', ([, iova, size]) => {
    expect(() => allocator().allocate({ size, iova })).toThrow(
      expect.objectContaining({
        code: 'IOVA_RESERVED',
        facts: expect.objectContaining({ ranges: ['0x0-0xfedfffff', '0xfef00000-0x7fffffffff'] }),
      }),
    )
  })

  test('beyond the bits of the device is reserved', () => {
    expect(() => allocator().allocate({ size: page, iova: 0x1000_0000n, addressBits: 28 })).toThrow(
      expect.objectContaining({ code: 'IOVA_RESERVED', message: expect.stringContaining('28 address bits') }),
    )
    expect(allocator().allocate({ size: page, iova: 0xfff_f000n, addressBits: 28 })).toBe(0xfff_f000n)
  })
})

test.for<[string, IovaRequest]>([
  ['no bytes', { size: 0 }],
  ['part of a page', { size: 100 }],
  ['half a byte', { size: 4096.5 }],
  ['no number of bytes', { size: Number.NaN }],
  ['less than nothing', { size: -page }],
  ['an address inside a page', { size: page, iova: 0x10n }],
  ['an address below 0', { size: page, iova: -4096n }],
  ['an address above 64 bits', { size: page, iova: 1n << 64n }],
  ['no address bits', { size: page, addressBits: 0 }],
  ['too many address bits', { size: page, addressBits: 65 }],
])('%s is an invalid argument', ([, request]) => {
  expect(() => allocator().allocate(request)).toThrow(code('INVALID_ARGUMENT'))
})

describe('the ranges', () => {
  test('may shrink below what is taken, which then stays taken and is not given out again', () => {
    let ranges: readonly IovaRange[] = [{ first: 0n, last: 0xffffn }]
    const iovas = new IovaAllocator(page, 2 ** 21, () => ranges)
    expect(iovas.allocate({ size: 4 * page })).toBe(0xc000n)
    ranges = [{ first: 0n, last: 0xdfffn }]
    expect(iovas.refresh()).toBe(true)
    expect(iovas.refresh()).toBe(false)
    expect(iovas.allocate({ size: 12 * page })).toBe(0n)
    iovas.free(0xc000n, 4 * page)
    expect(iovas.allocate({ size: 2 * page })).toBe(0xc000n)
    expect(() => iovas.allocate({ size: page })).toThrow(code('NO_IOVA_LEFT'))
  })

  test('are read again before there is said to be no room', () => {
    let ranges: readonly IovaRange[] = [{ first: 0n, last: 0xfffn }]
    const iovas = new IovaAllocator(page, 2 ** 21, () => ranges)
    ranges = [{ first: 0n, last: 0x1fffn }]
    expect(iovas.allocate({ size: 2 * page })).toBe(0n)
  })

  test('may be in any order, overlap, touch, be smaller than a page or absurd', () => {
    const iovas = allocator([
      { first: 0x4000n, last: 0x5fffn },
      { first: 0x1800n, last: 0x2fffn },
      { first: 0x5000n, last: 0x6800n },
      { first: 0x3000n, last: 0x3fffn },
      { first: 0x8001n, last: 0x9ffen },
      { first: 0xf000n, last: 0xa000n },
    ])
    expect(iovas.allocate({ size: 4 * page })).toBe(0x2000n)
    expect(() => iovas.allocate({ size: page })).toThrow(code('NO_IOVA_LEFT'))
  })
})

/** Pages of a small address space, each free or not: what the allocator is compared with. */
class Model {
  readonly pages: number
  readonly allowed: (page: number) => boolean
  readonly live = new Map<bigint, number>()

  constructor(pages: number, ranges: readonly IovaRange[]) {
    this.pages = pages
    this.allowed = (n) =>
      ranges.some(({ first, last }) => BigInt(n) * 4096n >= first && BigInt(n) * 4096n + 4095n <= last)
  }

  free(): boolean[] {
    const free = Array.from({ length: this.pages }, (_, n) => this.allowed(n))
    for (const [iova, size] of this.live) free.fill(false, Number(iova / 4096n), (Number(iova) + size) / page)
    return free
  }

  places({ size, addressBits = 64, alignment = 'page' }: IovaRequest): number[] {
    const free = this.free()
    const [count, unit] = [size / page, alignment === 'huge' ? 512 : 1]
    return Array.from({ length: this.pages }, (_, n) => n).filter(
      (n) => n % unit === 0 && (n + count) * page <= 2 ** addressBits && this.allFree(free, n, count),
    )
  }

  allFree(free: readonly boolean[], from: number, count: number): boolean {
    return from + count <= this.pages && free.slice(from, from + count).every((each) => each)
  }
}

const modelPages = 2048
const someRanges = fc
  .uniqueArray(fc.nat(modelPages * page), { minLength: 2, maxLength: 8 })
  .map((edges) => edges.toSorted((a, b) => a - b))
  .map((edges) =>
    Array.from({ length: Math.floor(edges.length / 2) }, (_, n) => ({
      first: BigInt(edges[2 * n] ?? 0),
      last: BigInt(edges[2 * n + 1] ?? 0),
    })),
  )
const someSize = fc.oneof(
  { weight: 5, arbitrary: fc.integer({ min: 1, max: 8 }).map((n) => n * page) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 1100 }).map((n) => n * page) },
)
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ size: someSize, addressBits: fc.constantFrom(64, 22, 21, 14) }) },
  { weight: 1, arbitrary: fc.record({ size: someSize, alignment: fc.constant('huge' as const) }) },
  { weight: 2, arbitrary: fc.record({ size: someSize, iova: fc.nat(modelPages).map((n) => BigInt(n * page)) }) },
  { weight: 4, arbitrary: fc.record({ free: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ ranges: someRanges }) },
)

test('addresses never overlap, lie in the ranges, and run out only when nothing fits', () => {
  fc.assert(
    fc.property(someRanges, fc.array(step, { maxLength: 60 }), (first, steps) => {
      let ranges: readonly IovaRange[] = first
      const iovas = new IovaAllocator(page, 2 ** 21, () => ranges)
      let model = new Model(modelPages, ranges)
      for (const each of steps) {
        if ('ranges' in each) {
          ranges = each.ranges
          iovas.refresh()
          const { live } = model
          model = new Model(modelPages, ranges)
          for (const [iova, size] of live) model.live.set(iova, size)
        } else if ('free' in each) {
          const [iova, size] = [...model.live][each.free % Math.max(1, model.live.size)] ?? []
          if (iova === undefined || size === undefined) continue
          iovas.free(iova, size)
          iovas.free(iova, size)
          model.live.delete(iova)
        } else if ('iova' in each && each.iova !== undefined) {
          const at = Number(each.iova) / page
          const fits = model.allFree(model.free(), at, each.size / page)
          const taken = attempt(iovas, each)
          expect(taken).toBe(fits ? each.iova : null)
          if (taken !== null) model.live.set(taken, each.size)
        } else {
          const places = model.places(each)
          const taken = attempt(iovas, each)
          // all of the model's pages lie below 4 GiB, where the highest place is taken
          expect(taken).toBe(places.length === 0 ? null : BigInt((places.at(-1) ?? 0) * page))
          if (taken !== null) model.live.set(taken, each.size)
        }
      }
      // all of it can be had again
      for (const [iova, size] of model.live) iovas.free(iova, size)
      model.live.clear()
      for (const places = model.places({ size: page }); places.length > 0; places.pop()) {
        expect(iovas.allocate({ size: page })).toBe(BigInt((places.at(-1) ?? 0) * page))
      }
      expect(() => iovas.allocate({ size: page })).toThrow(code('NO_IOVA_LEFT'))
    }),
    { numRuns: 100 },
  )
})

function attempt(iovas: IovaAllocator, request: IovaRequest): bigint | null {
  try {
    return iovas.allocate(request)
  } catch (error) {
    expect(error).toMatchObject({ code: expect.stringMatching(/^(NO_IOVA_LEFT|IOVA_IN_USE|IOVA_RESERVED)$/) })
    return null
  }
}
