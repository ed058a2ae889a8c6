import fc from 'fast-check'
import { expect, test } from 'vitest'
import { IovaHoles } from '../../../../src/vfio/iova/iova-holes.ts'

const pages = 6016
const hugePage = 64

/** Free pages, one by one: what the tree is compared with. */
class Model {
  readonly free: boolean[] = Array.from({ length: pages }, () => false)

  set(first: number, last: number, free: boolean): boolean {
    for (let page = first; page <= last; page++) if (this.free[page] === free) return false
    this.free.fill(free, first, last + 1)
    return true
  }

  takeHighest(count: number, first: number, last: number, unit: number): number | null {
    let run = 0
    for (let page = last; page >= first; page--) {
      run = this.free[page] === true ? run + 1 : 0
      if (run < count || page % unit !== 0) continue
      this.free.fill(false, page, page + count)
      return page
    }
    return null
  }
}

/** The last pages of an address space, the rest of which is taken. */
class LastPages {
  readonly #base: number
  readonly #holes: IovaHoles

  constructor(base: number) {
    this.#base = base
    this.#holes = new IovaHoles(base + pages, hugePage)
    expect(this.#holes.take(0, base + pages - 1)).toBe(true)
  }

  add(first: number, last: number): boolean {
    return this.#holes.add(this.#base + first, this.#base + last)
  }

  take(first: number, last: number): boolean {
    return this.#holes.take(this.#base + first, this.#base + last)
  }

  takeHighest(count: number, first: number, last: number, alignment: 'page' | 'huge'): number | null {
    const window = { first: first === 0 ? 0 : this.#base + first, last: this.#base + last }
    const found = this.#holes.takeHighest(count, window, alignment)
    return found === null ? null : found - this.#base
  }
}

/** Thousands of holes. */
function scattered(
  base: number,
  order: 'upwards' | 'downwards' | 'outwards',
): { readonly holes: LastPages; readonly model: Model } {
  const holes = new LastPages(base)
  const model = new Model()
  const firsts = Array.from({ length: pages / 2 }, (_, index) => 2 * index)
  if (order === 'downwards') firsts.reverse()
  if (order === 'outwards') firsts.sort((a, b) => Math.abs(a - pages / 2) - Math.abs(b - pages / 2))
  for (const first of firsts) {
    expect(holes.add(first, first)).toBe(true)
    model.set(first, first, true)
  }
  return { holes, model }
}

const somePages = fc.tuple(fc.nat(pages - 1), fc.nat(5)).map(([first, more]) => ({
  first,
  last: Math.min(first + more, pages - 1),
}))
const step = fc.oneof(
  fc.record({ add: somePages }),
  fc.record({ take: somePages }),
  fc.record({
    count: fc.oneof(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 2 * hugePage })),
    window: fc.tuple(fc.nat(pages - 1), fc.nat(pages - 1)),
    alignment: fc.constantFrom('page', 'huge'),
  }),
  // a stretch, page by page or every second one: whole nodes come and go
  fc.record({ from: fc.nat(pages - 1200), free: fc.boolean(), every: fc.constantFrom(1, 2) }),
)

test.each([
  ['upwards', 'the lowest pages', 0],
  ['downwards', 'pages about 2^32', 2 ** 32 - 3008],
  ['outwards', 'the last ones of 64 bits', 2 ** 52 - pages],
] as const)('thousands of holes, made %s in %s, are as they would be page by page', (order, _where, base) => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 60 }), (steps) => {
      const { holes, model } = scattered(base, order)
      for (const each of steps) {
        if ('add' in each) {
          const { first, last } = each.add
          expect(holes.add(first, last)).toBe(model.set(first, last, true))
        } else if ('take' in each) {
          const { first, last } = each.take
          expect(holes.take(first, last)).toBe(model.set(first, last, false))
        } else if ('from' in each) {
          for (let page = each.from; page < each.from + 1200; page += each.every) {
            const changed = each.free ? holes.add(page, page) : holes.take(page, page)
            expect(changed).toBe(model.set(page, page, each.free))
          }
        } else {
          const [first, last] = each.window.toSorted((a, b) => a - b)
          if (first === undefined || last === undefined) continue
          const unit = each.alignment === 'huge' ? hugePage : 1
          expect(holes.takeHighest(each.count, first, last, each.alignment)).toBe(
            model.takeHighest(each.count, first, last, unit),
          )
        }
      }
      for (let page = pages - 1; page >= 0; page--) {
        if (model.free[page] !== true) continue
        expect(holes.takeHighest(1, 0, pages - 1, 'page')).toBe(page)
      }
      expect(holes.takeHighest(1, 0, pages - 1, 'page')).toBe(null)
      expect(holes.add(0, pages - 1)).toBe(true)
    }),
    { numRuns: 15 },
  )
})

test('a hole of which the beginning was taken begins after that', () => {
  const holes = new IovaHoles(pages, hugePage)
  holes.take(0, pages - 1)
  holes.add(64, 69)
  const window = { first: 60, last: 80 }
  expect(holes.takeHighest(1, window, 'huge')).toBe(64)
  expect(holes.takeHighest(3, window, 'huge')).toBe(null)
  expect(holes.takeHighest(3, window, 'page')).toBe(67)
})

test('a hole is still found when pages far above it were taken', () => {
  const holes = new IovaHoles(2 ** 52, hugePage)
  holes.take(8, 8)
  holes.take(16, 100)
  holes.take(2 ** 40, 2 ** 40)
  expect(holes.takeHighest(8, { first: 0, last: 100 }, 'page')).toBe(0)
})

test('a hole that was taken whole is not found again, nor another in its place', () => {
  const holes = new IovaHoles(pages, hugePage)
  holes.take(0, pages - 1)
  for (const [first, last] of [
    [0, 4],
    [1000, 1005],
    [5000, 5003],
    [6000, 6000],
  ] as const)
    holes.add(first, last)
  holes.take(5000, 5003)
  expect(holes.takeHighest(3, { first: 0, last: pages - 1 }, 'page')).toBe(1003)
})

test('holes of more than 2^32 pages are told from another', () => {
  const holes = new IovaHoles(2 ** 52, hugePage)
  const [wide, wider] = [2 ** 32 + 10, 2 ** 32 + 20]
  holes.take(wider, wider)
  holes.take(wider + 1 + wide, 2 ** 52 - 1)
  const window = { first: 0, last: 2 ** 52 - 1 }
  expect(holes.takeHighest(wider + 1, window, 'page')).toBe(null)
  expect(holes.takeHighest(wider, window, 'page')).toBe(0)
  expect(holes.takeHighest(wide, window, 'page')).toBe(wider + 1)
})
