import fc from 'fast-check'
import { expect, test } from 'vitest'
import { IovaHoles } from '../../../../src/vfio/iova/iova-holes.ts'

const pages = 6000
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

function nothingFree(): { holes: IovaHoles; model: Model } {
  return { holes: new IovaHoles(hugePage), model: new Model() }
}

/** Thousands of holes, which the tree has in three levels. */
function scattered(order: 'upwards' | 'downwards' | 'outwards'): { holes: IovaHoles; model: Model } {
  const { holes, model } = nothingFree()
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
  fc.record({ from: fc.nat(pages - 400), free: fc.boolean(), every: fc.constantFrom(1, 2) }),
)

test.each(['upwards', 'downwards', 'outwards'] as const)(
  'thousands of holes, made %s, are as they would be page by page',
  (order) => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 20, maxLength: 60 }), (steps) => {
        const { holes, model } = scattered(order)
        for (const each of steps) {
          if ('add' in each) {
            const { first, last } = each.add
            expect(holes.add(first, last)).toBe(model.set(first, last, true))
          } else if ('take' in each) {
            const { first, last } = each.take
            expect(holes.take(first, last)).toBe(model.set(first, last, false))
          } else if ('from' in each) {
            for (let page = each.from; page < each.from + 400; page += each.every) {
              const changed = each.free ? holes.add(page, page) : holes.take(page, page)
              expect(changed).toBe(model.set(page, page, each.free))
            }
          } else {
            const [first, last] = each.window.toSorted((a, b) => a - b)
            if (first === undefined || last === undefined) continue
            const unit = each.alignment === 'huge' ? hugePage : 1
            expect(holes.takeHighest(each.count, { first, last }, each.alignment)).toBe(
              model.takeHighest(each.count, first, last, unit),
            )
          }
        }
        for (let page = pages - 1; page >= 0; page--) {
          if (model.free[page] !== true) continue
          expect(holes.takeHighest(1, { first: 0, last: pages - 1 }, 'page')).toBe(page)
        }
        expect(holes.takeHighest(1, { first: 0, last: pages - 1 }, 'page')).toBe(null)
        expect(holes.add(0, pages - 1)).toBe(true)
      }),
      { numRuns: 15 },
    )
  },
)
