import { setImmediate } from 'node:timers/promises'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { VfioError } from '../../src/base/errors.ts'
import { AttachableSpace } from '../../src/vfio/address-space/attachable-space.ts'
import { openDescriptors } from '../descriptors.ts'
import { long } from '../long.ts'
import { type Opened, openWorld, type World } from './opened-objects.ts'
import type { Taken } from './taken.ts'

const thrown = new Error('the caller threw this')

function thrower(): never {
  throw thrown
}

function detached(): Uint8Array {
  const bytes = new Uint8Array(4)
  structuredClone(bytes.buffer, { transfer: [bytes.buffer] })
  return bytes
}

const aborted = AbortSignal.abort(new Error('the caller aborted'))

/** What JavaScript hands over where nobody checks types. */
const hostile: readonly unknown[] = [
  ...[undefined, null, true, false, '', '4', 'a\0b', '\u001b[2J', 'x'.repeat(300), '__proto__', 'constructor'],
  ...[Number.NaN, Infinity, -Infinity, -1, 1.5, -0.5, 2 ** 31, 2 ** 32, 2 ** 32 + 4, 2 ** 53, -(2 ** 53), 1e300],
  ...[0n, -1n, 1n << 32n, 1n << 64n, -(1n << 63n), 1n << 2000n],
  ...[
    Symbol('x'),
    Symbol.iterator,
    () => 0,
    class {},
    {},
    [],
    new Array(2 ** 32 - 1),
    [undefined],
    [[]],
    Object.create(null),
  ],
  ...[
    new Uint8Array(0),
    detached(),
    new Uint8Array(new SharedArrayBuffer(4)),
    new Uint16Array(2),
    new Uint8ClampedArray(4),
  ],
  ...[new ArrayBuffer(8), new DataView(new ArrayBuffer(8)), Object.create(Uint8Array.prototype)],
  ...[aborted, { aborted: false, addEventListener: thrower }, Object.create(AbortSignal.prototype)],
  ...[
    runInNewContext('({})'),
    runInNewContext('[1.5]'),
    new Date(Number.NaN),
    new Map(),
    /x/,
    new Error('x'),
    Promise.resolve(1),
  ],
  { toString: thrower, valueOf: thrower, [Symbol.toPrimitive]: thrower },
  { length: 2 ** 32 },
  new Proxy(
    {},
    { get: thrower, has: thrower, ownKeys: thrower, getPrototypeOf: thrower, getOwnPropertyDescriptor: thrower },
  ),
  new Proxy([], { get: thrower, ownKeys: thrower, getOwnPropertyDescriptor: thrower }),
]

interface Misuse {
  readonly given: readonly unknown[]
  /** Each value is of the type that is declared. */
  readonly fits: boolean
}

/** Right arguments but for one, or for one of what stands in it. */
function* misusesOf(taken: readonly Taken[], values: readonly unknown[]): Generator<Misuse> {
  const good = taken.map((one) => one.good)
  for (const [at, one] of taken.entries()) {
    for (const value of values) yield { given: good.with(at, value), fits: one.fits(value) }
    for (const [key, part] of Object.entries(one.parts)) {
      const whole = Object(one.parts === undefined ? {} : goodOf(one))
      for (const value of values) {
        yield { given: good.with(at, replaced(whole, key, { value })), fits: part.fits(value) }
      }
      yield { given: good.with(at, replaced(whole, key, { get: thrower })), fits: false }
    }
  }
}

function goodOf(taken: Taken): object {
  const parts = Object.entries(taken.parts).map(([key, part]) => [key, part.good] as const)
  return parts.every(([key]) => /^\d+$/.test(key)) ? parts.map(([, good]) => good) : Object.fromEntries(parts)
}

function replaced(whole: object, key: string, how: PropertyDescriptor): object {
  const copy: object = Array.isArray(whole) ? [...whole] : { ...whole }
  return Object.defineProperty(copy, key, { ...how, enumerable: true, configurable: true })
}

type Outcome = { readonly value: unknown } | { readonly error: unknown } | 'waits'

/** What the call comes to; what it waits for is another's to bring about. */
async function outcomeOf(work: () => unknown): Promise<Outcome> {
  try {
    const later = Promise.resolve(work()).then(begun)
    const settled = later.then(
      (value): Outcome => ({ value }),
      (error: unknown): Outcome => ({ error }),
    )
    return await Promise.race([settled, turns(20).then((): Outcome => 'waits')])
  } catch (error) {
    return { error }
  }
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await setImmediate()
}

/** A generator does nothing before it is asked. */
async function begun(value: unknown): Promise<unknown> {
  if (typeof value !== 'object' || value === null || !(Symbol.asyncIterator in value)) return value
  if (!('throw' in value && 'next' in value && 'return' in value)) return value
  if (typeof value.next !== 'function' || typeof value.return !== 'function') return value
  await Reflect.apply(value.next, value, [])
  await Reflect.apply(value.return, value, [])
  return value
}

/** What a call opened is not what is looked at here. */
function closed(outcome: Outcome): Outcome {
  if (outcome === 'waits' || !('value' in outcome)) return outcome
  const { value } = outcome
  if (typeof value === 'object' && value !== null && 'close' in value && typeof value.close === 'function')
    value.close()
  if (typeof value === 'object' && value !== null && Array.isArray(value)) return outcome
  return outcome
}

function call(object: object, method: string, given: readonly unknown[]): unknown {
  const key = keyOf(method)
  const { get, set, value } = descriptorOf(object, key) ?? {}
  if (set !== undefined || get !== undefined) return Reflect.set(object, key, given[0])
  if (typeof value !== 'function') throw new Error(`there is no ${method}`)
  return Reflect.apply(value, object, [...given])
}

const symbols = [Symbol.dispose, Symbol.asyncDispose, Symbol.iterator, Symbol.asyncIterator]

function keyOf(name: string): string | symbol {
  return symbols.find((symbol) => nameOf(symbol) === name) ?? name
}

function nameOf(key: string | symbol): string {
  // Node calls those it brought before the language did nodejs.dispose
  return typeof key === 'symbol' ? `[${key.description?.replace('nodejs.', 'Symbol.')}]` : key
}

function descriptorOf(object: object, key: string | symbol): PropertyDescriptor | undefined {
  for (let at: object | null = object; at !== null; at = Object.getPrototypeOf(at)) {
    const found = Object.getOwnPropertyDescriptor(at, key)
    if (found !== undefined) return found
  }
  return undefined
}

/** Every public member that there is, by reflection: what is private begins with # and is not seen. */
function membersOf(object: object): { methods: string[]; getters: string[] } {
  const methods = new Set<string>()
  const getters = new Set<string>()
  for (let at: object | null = object; at !== null && at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    for (const key of Reflect.ownKeys(at)) {
      if (key === 'constructor' || key === Symbol.toStringTag || key === 'length') continue
      if (isProtected(object, key)) continue
      const { get, set, value } = Object.getOwnPropertyDescriptor(at, key) ?? {}
      if (typeof value === 'function' || set !== undefined) methods.add(nameOf(key))
      if (get !== undefined) getters.add(nameOf(key))
    }
  }
  return { methods: [...methods].sort(), getters: [...getters] }
}

/** What TypeScript keeps from everyone but the classes below, and reflection does not. */
function isProtected(object: object, key: string | symbol): boolean {
  return (
    object instanceof AttachableSpace &&
    ['checkOpen', 'enter', 'enterAgain', 'withdraw', 'tearDown', 'findPages'].includes(nameOf(key))
  )
}

/** The codes of a refusal that was meant. */
const refusals = ['INVALID_ARGUMENT', 'OUT_OF_RANGE', 'NOT_FOUND', 'NOT_SUPPORTED', 'CLOSED', 'NOT_ATTACHED']

/** What is wrong with the outcome; null where it is right. */
function faultOf(outcome: Outcome, { given, fits }: Misuse): string | null {
  const shown = given.map(shownOf).join(', ')
  if (outcome === 'waits' || 'value' in outcome) return fits ? null : `took (${shown})`
  const { error } = outcome
  if (error === aborted.reason) return null
  if (error instanceof VfioError && error.cause === thrown) return null
  if (!(error instanceof VfioError)) return `threw ${shownOf(error)} for (${shown})`
  if (fits || refusals.includes(error.code)) return null
  return `threw ${error.code} '${error.message}' for (${shown})`
}

function shownOf(value: unknown): string {
  try {
    if (value instanceof Error) return `${value.name} '${value.message}'`
    if (typeof value === 'object' && value !== null) {
      const kind = value.constructor?.name
      return kind === 'Object' || kind === 'Array'
        ? `${kind} of ${Object.entries(value).map(([key, one]) => `${key} ${shownOf(one)}`)}`
        : `a ${kind}`
    }
    return typeof value === 'bigint' ? `${value}n` : typeof value === 'string' ? JSON.stringify(value) : String(value)
  } catch {
    return 'what throws'
  }
}

const table = await openWorld(() => {})
const classes = Object.keys(table.opened)

function openedOf(world: World, name: string): Opened {
  const found = world.opened[name]
  if (found === undefined) throw new Error(`there is no ${name}`)
  return found
}

/** Everything that was opened on the host. */
function closeAll({ devices, spaces }: World): void {
  for (const one of [...devices, ...spaces]) one.close()
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
    '%s does it or throws a VfioError, takes nothing of another type, and leaves nothing open',
    async (name) => {
      const world = await openWorld()
      const { object, methods } = openedOf(world, name)
      const faults: string[] = []
      for (const [method, taken] of Object.entries(methods)) {
        for (const misuse of misusesOf(taken, hostile)) {
          const fault = faultOf(closed(await outcomeOf(() => call(object, method, misuse.given))), misuse)
          if (fault !== null) faults.push(`${method} ${fault}`)
        }
      }
      expect(faults).toEqual([])
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
        { numRuns: long ? 20_000 : 40 },
      )
      closeAll(world)
      expect(openDescriptors(world.host.kernel)).toEqual(world.before)
    },
  )
})

describe('after its device is closed', () => {
  test.each(classes)('%s does it or throws a VfioError, and what waits is told', async (name) => {
    const world = await openWorld()
    const { object, methods } = openedOf(world, name)
    const { events, next, woken } = methods
    const waiting = Object.entries({ next, woken }).flatMap(([method, taken]) =>
      taken === undefined ? [] : [Promise.allSettled([call(object, method, [])])],
    )
    expect(events === undefined || waiting.length > 0).toBe(true)
    closeAll(world)
    await Promise.all(waiting)
    for (const _ of [1, 2]) {
      for (const [method, taken] of Object.entries(methods)) {
        const given = taken.map(({ good }) => good)
        expect(faultOf(await outcomeOf(() => call(object, method, given)), { given, fits: true })).toBe(null)
      }
      for (const getter of membersOf(object).getters) {
        const outcome = await outcomeOf(() => Reflect.get(object, getter))
        expect(faultOf(outcome, { given: [getter], fits: true })).toBe(null)
      }
    }
    expect(openDescriptors(world.host.kernel)).toEqual(world.before)
  })
})

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
      { numRuns: long ? 1000 : 5 },
    )
  })
})
