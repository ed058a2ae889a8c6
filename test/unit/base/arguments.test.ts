import * as v from 'valibot'
import { describe, expect, test } from 'vitest'
import { checkBytes, checked, entries, signal } from '../../../src/base/arguments.ts'
import { parseUuid, shown } from '../../../src/base/units.ts'

const invalid = (message: string) => expect.objectContaining({ name: 'VfioError', code: 'INVALID_ARGUMENT', message })

describe('what a method is given', () => {
  test('is read once: what a getter says the second time is too late', () => {
    let times = 0
    const given = {
      get size() {
        return ++times
      },
    }
    expect(checked('map', v.object({ size: v.number() }), given)).toEqual({ size: 1 })
    expect(times).toBe(1)
  })

  test('is told with its place', () => {
    expect(() => checked('map', v.object({ size: v.number() }), { size: '1' })).toThrow(
      invalid('map: size must be a number, not "1"'),
    )
    expect(() => checked('map', v.object({ size: v.number() }), 5, 'its options')).toThrow(
      invalid('map: its options must be an object, not 5'),
    )
  })

  test('of names keeps those that are also methods of every object', () => {
    expect(checked('update', entries, { constructor: 1, ['__proto__']: 2 })).toEqual([
      ['constructor', 1],
      ['__proto__', 2],
    ])
  })

  test('is an AbortSignal of Node’s, and no object like one', () => {
    const { signal: real } = new AbortController()
    expect(checked('next', signal, real)).toBe(real)
    for (const like of [{ aborted: false }, Object.create(AbortSignal.prototype)]) {
      expect(() => checked('next', signal, like)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
    }
  })

  test('as bytes is a Uint8Array that has its memory', () => {
    const moved = new Uint8Array(4)
    structuredClone(moved.buffer, { transfer: [moved.buffer] })
    expect(() => checkBytes('read', moved)).toThrow(invalid('read: its bytes were handed to another thread'))
    expect(() => checkBytes('read', Object.create(Uint8Array.prototype))).toThrow(
      invalid('read: its bytes must be a Uint8Array, not an object'),
    )
    checkBytes('read', new Uint8Array(0))
    checkBytes('read', new Uint8Array(new SharedArrayBuffer(4)))
  })
})

test.each([
  [5, '5'],
  ['a\0b', "'a\\x00b'"],
  [1n << 200n, 'a bigint of more than 128 bits'],
  [Symbol('\u001b'), 'Symbol(\\x1b)'],
  [Object.create(null), 'an object'],
  [null, 'null'],
  [() => 0, 'a function'],
])('%# any value is shown on one line', (value, text) => {
  expect(shown(value)).toBe(text)
})

test.each([5, null, undefined, ['83b8f4f2-509f-382f-3c1e-e6bfe0fa1001'], {}])('%j is no UUID', (value) => {
  expect(() => Reflect.apply(parseUuid, null, [value])).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
})
