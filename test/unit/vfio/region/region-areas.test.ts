import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { RegionCapability, SparseArea } from '../../../../src/uapi/region.ts'
import { type Area, type MappableRegion, mappableAreas, outside } from '../../../../src/vfio/region/region-areas.ts'
import { hostileInputs } from '../../hostile.ts'

const page = 4096

function region(size: number, capabilities: readonly RegionCapability[] = []): MappableRegion {
  return { size, flags: { read: true, write: true, mmap: true }, offset: 1n << 40n, capabilities }
}

function sparse(...areas: readonly (readonly [offset: number, size: number])[]): RegionCapability {
  return { name: 'sparse-mmap', areas: areas.map(([offset, size]) => ({ offset: BigInt(offset), size: BigInt(size) })) }
}

function pairs(areas: readonly Area[]): number[][] {
  return areas.map(({ start, end }) => [start, end])
}

describe('what can be mapped of a region', () => {
  test('is all of it, where MMAP is the only word', () => {
    expect(pairs(mappableAreas(region(0x4000), null, page))).toEqual([[0, 0x4000]])
  })

  test('is nothing without the flag, without bytes, or where it begins inside a page of the file', () => {
    const whole = region(0x4000)
    expect(mappableAreas({ ...whole, flags: { ...whole.flags, mmap: false } }, null, page)).toEqual([])
    expect(mappableAreas(region(0), null, page)).toEqual([])
    expect(mappableAreas({ ...whole, offset: 0x1800n }, null, page)).toEqual([])
  })

  test.each([0x100, 0x1001, 0x1fff])('ends with the region, on a page or not: 0x%x', (size) => {
    expect(pairs(mappableAreas(region(size), null, page))).toEqual([[0, size]])
  })

  test('is what a sparse-mmap capability lists, upwards', () => {
    const listed = sparse([0x6000, 0x2000], [0, 0x1000], [0x3000, 0x1000])
    expect(pairs(mappableAreas(region(0x8000, [listed]), null, page))).toEqual([
      [0, 0x1000],
      [0x3000, 0x4000],
      [0x6000, 0x8000],
    ])
  })

  test('is nothing where a sparse-mmap capability lists nothing', () => {
    expect(mappableAreas(region(0x8000, [sparse()]), null, page)).toEqual([])
  })

  test('is cut to whole pages inside the region, where the kernel lists others', () => {
    const listed = sparse([0x800, 0x2000], [0x3000, 0], [0x4001, 0xffe], [0x6000, 0x100_0000], [0x9000, 0x1000])
    expect(pairs(mappableAreas(region(0x8800, [listed]), null, page))).toEqual([
      [0x1000, 0x2000],
      [0x6000, 0x8800],
    ])
  })

  test('is listed once where the kernel lists it twice, and areas that touch stay apart', () => {
    const listed = sparse([0x1000, 0x3000], [0, 0x2000], [0x1000, 0x1000], [0x4000, 0x1000])
    expect(pairs(mappableAreas(region(0x8000, [listed]), null, page))).toEqual([
      [0, 0x2000],
      [0x2000, 0x4000],
      [0x4000, 0x5000],
    ])
  })

  test('leaves out the pages of the MSI-X table, unless the kernel says that they may be mapped', () => {
    const table = { start: 0x2800, end: 0x3010 }
    expect(pairs(mappableAreas(region(0x8000), table, page))).toEqual([
      [0, 0x2000],
      [0x4000, 0x8000],
    ])
    expect(pairs(mappableAreas(region(0x8000, [{ name: 'msix-mappable' }]), table, page))).toEqual([[0, 0x8000]])
    expect(mappableAreas(region(0x1000), { start: 0, end: 0x50 }, page)).toEqual([])
  })
})

test('a hole takes what it covers, and no more', () => {
  const areas = [
    { start: 0, end: 10 },
    { start: 20, end: 30 },
  ]
  expect(pairs(outside(areas, { start: 4, end: 6 }))).toEqual([
    [0, 4],
    [6, 10],
    [20, 30],
  ])
  expect(pairs(outside(areas, { start: 5, end: 25 }))).toEqual([
    [0, 5],
    [25, 30],
  ])
  expect(pairs(outside(areas, { start: 12, end: 15 }))).toEqual(pairs(areas))
  expect(outside(areas, { start: 0, end: 30 })).toEqual([])
})

const anyU64 = fc.oneof(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.bigInt({ min: 0n, max: 0x2_0000n }))
const anySparse: fc.Arbitrary<readonly SparseArea[]> = fc.array(fc.record({ offset: anyU64, size: anyU64 }), {
  maxLength: 20,
})
const anyTable = fc
  .tuple(fc.nat(0x2_0000), fc.integer({ min: 1, max: 2048 }))
  .map(([start, vectors]) => ({ start, end: start + 16 * vectors }))

test.each([4096, 65536])(
  'whatever a kernel lists, what is mapped is whole, apart and inside: pages of %d',
  (pageSize) => {
    fc.assert(
      fc.property(
        fc.oneof(fc.nat(0x2_0000), fc.maxSafeNat()),
        fc.option(anySparse, { nil: null }),
        fc.option(anyTable, { nil: null }),
        (size, areas, table) => {
          const listed: RegionCapability[] = areas === null ? [] : [{ name: 'sparse-mmap', areas }]
          const found = mappableAreas(region(size, listed), table, pageSize)
          let before = 0
          for (const { start, end } of found) {
            expect(start).toBeGreaterThanOrEqual(before)
            expect(end).toBeGreaterThan(start)
            expect(end).toBeLessThanOrEqual(size)
            expect(start % pageSize).toBe(0)
            if (end !== size) expect(end % pageSize).toBe(0)
            before = end
            if (table !== null) expect(end <= table.start || start >= table.end).toBe(true)
            if (areas !== null) expect(areas.some((area) => covers(area, start, end))).toBe(true)
          }
        },
      ),
      { numRuns: hostileInputs },
    )
  },
)

function covers({ offset, size }: SparseArea, start: number, end: number): boolean {
  return offset <= BigInt(start) && BigInt(end) <= offset + size
}
