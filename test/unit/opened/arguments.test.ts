import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { openDescriptors } from '../../descriptors.ts'
import { isSoak } from '../../soak.ts'
import { closeAll } from './devices.ts'
import { hostile } from './hostile-values.ts'
import { call, membersOf } from './members.ts'
import { misusesOf } from './misuses.ts'
import { type Opened, openWorld, type World } from './objects.ts'
import { closed, faultOf, type Outcome, outcomeOf } from './outcome.ts'

const table = await openWorld(() => {})
const classes = Object.keys(table.opened)

function openedOf(world: World, name: string): Opened {
  const found = world.opened[name]
  if (found === undefined) throw new Error(`there is no ${name}`)
  return found
}

describe('the table of what methods take has', () => {
  test.each(classes)('each method and setter of %s', (name) => {
    const { object, methods } = openedOf(table, name)
    expect(Object.keys(methods).sort()).toEqual(membersOf(object).methods)
  })

  test('each class that an opened device leads to', async () => {
    const known = new Set(Object.values(table.opened).map(({ object }) => classOf(object)))
    // what the kernel itself gives (memory, mappings) throws as it does, and descriptors are behind the classes
    const lower = ['MockKernel', 'Memory', 'BarMapping', 'Descriptor']
    const world = await openWorld()
    const found = new Set<string>()
    for (const { object, methods } of Object.values(world.opened)) {
      const got = membersOf(object).getters.map((getter) => outcomeOf(() => Reflect.get(object, getter)))
      const called = Object.entries(methods).map(([method, taken]) =>
        outcomeOf(() =>
          call(
            object,
            method,
            taken.map(({ good }) => good),
          ),
        ),
      )
      const values = (await Promise.all([...got, ...called])).map((outcome) => gotten(outcome))
      for (const value of [...Object.values(object), ...values].flat()) {
        if (typeof value === 'object' && value !== null) found.add(classOf(value))
      }
    }
    const missing = [...found].filter(
      (name) => !known.has(name) && !lower.includes(name) && name !== '' && !(name in globalThis),
    )
    expect(missing).toEqual([])
  })
})

function classOf(value: object): string {
  return value.constructor?.name ?? 'Object'
}

function gotten(outcome: Outcome): unknown {
  return outcome !== 'waits' && 'value' in outcome ? outcome.value : null
}

describe('whatever it is given', () => {
  test.each(classes)(
    '%s does it or throws a VfioError, takes nothing of another type, and leaves nothing open; and once closed',
    async (name) => {
      const world = await openWorld()
      const { object, methods } = openedOf(world, name)
      expect(await faultsOf(object, methods)).toEqual([])
      await bearsAnything(object, methods)
      const waiting = ['next', 'woken'].flatMap((method) => (method in methods ? [call(object, method, [])] : []))
      closeAll(world)
      expect(openDescriptors(world.host.kernel)).toEqual(world.before)
      await Promise.allSettled(waiting)
      for (const _ of [1, 2]) expect(await faultsWhenClosed(object, methods)).toEqual([])
      expect(openDescriptors(world.host.kernel)).toEqual(world.before)
    },
  )
})

/** Each value in each place, the others being right. */
async function faultsOf(object: object, methods: Opened['methods']): Promise<string[]> {
  const faults: string[] = []
  for (const [method, taken] of Object.entries(methods)) {
    for (const misuse of misusesOf(taken, hostile)) {
      const fault = faultOf(closed(await outcomeOf(() => call(object, method, misuse.given))), misuse)
      if (fault !== null) faults.push(`${method} ${fault}`)
    }
  }
  return faults
}

/** Anything in every place at once. */
async function bearsAnything(object: object, methods: Opened['methods']): Promise<void> {
  const calls = fc.constantFrom(...Object.entries(methods))
  // by their places, as fast-check looks at its values itself
  const known = fc.nat(hostile.length - 1).map((at) => ({ value: () => hostile[at] }))
  const other = fc.anything({ withBigInt: true, withNullPrototype: true }).map((value) => ({ value: () => value }))
  await fc.assert(
    fc.asyncProperty(calls, fc.array(fc.oneof(known, other), { maxLength: 3 }), async ([method, taken], values) => {
      const given = values.map(({ value }) => value())
      const fits = taken.every((one, at) => one.fits(given[at]))
      const outcome = closed(await outcomeOf(() => call(object, method, given)))
      expect(faultOf(outcome, { given, fits })).toBe(null)
    }),
    { numRuns: isSoak ? 20_000 : 40 },
  )
}

/** With what was right before. */
async function faultsWhenClosed(object: object, methods: Opened['methods']): Promise<string[]> {
  const calls = Object.entries(methods).map(([method, taken]) => {
    const given = taken.map(({ good }) => good)
    return { name: method, given, work: () => call(object, method, given) }
  })
  const gets = membersOf(object).getters.map((name) => ({ name, given: [], work: () => Reflect.get(object, name) }))
  const faults: string[] = []
  for (const { name, given, work } of [...calls, ...gets]) {
    const fault = faultOf(closed(await outcomeOf(work)), { given, fits: true })
    if (fault !== null) faults.push(`${name} ${fault}`)
  }
  return faults
}

describe('closing', () => {
  test('in any order, and twice, leaves nothing open', async () => {
    const closable = Object.entries(table.opened).flatMap(([name, { methods }]) => ('close' in methods ? [name] : []))
    const orders = fc.shuffledSubarray(closable, { minLength: 1 })
    await fc.assert(
      fc.asyncProperty(orders, async (order) => {
        const world = await openWorld(() => {})
        for (const name of [...order, ...order]) call(openedOf(world, name).object, 'close', [])
        closeAll(world)
        expect(openDescriptors(world.host.kernel)).toEqual(world.before)
        await world.host.close()
      }),
      { numRuns: isSoak ? 1000 : 5 },
    )
  })
})
