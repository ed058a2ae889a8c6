import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { VfioError } from '../../../../src/base/errors.ts'
import { Errno } from '../../../../src/mock/base/errno.ts'
import { initialState } from '../../../../src/mock/kernel/machine-state.ts'
import { createMockKernel } from '../../../../src/mock/kernel/mock-kernel.ts'
import { parseCreate, parseRemove } from '../../../../src/mock/mdev/mdevs.ts'
import { readScenario } from '../../../../src/mock/scenario/read-scenario.ts'
import { parseState } from '../../../../src/mock/state/parse-state.ts'
import { expectAnswers, noise, spoilt } from '../../hostile.ts'
import { pciScenario } from '../pci/pci-scenario.ts'

/** A JSON value with one part of it put to another use. */
function misshapen(value: object): fc.Arbitrary<string> {
  const paths = pathsOf(value)
  const junk = fc.oneof(
    fc.constantFrom(null, -1, 0, 0.5, 2 ** 53, '', '..', '/', '0x', true, [], {}),
    fc.jsonValue({ maxDepth: 1 }),
  )
  return fc
    .array(fc.tuple(fc.constantFrom(...paths), junk), { minLength: 1, maxLength: 3 })
    .map((changes) =>
      changes.reduce((text, [path, to]) => JSON.stringify(replaced(JSON.parse(text), path, to)), JSON.stringify(value)),
    )
}

function pathsOf(value: unknown, path: readonly string[] = []): (readonly string[])[] {
  const below = typeof value === 'object' && value !== null ? Object.entries(value) : []
  return [path, ...below.flatMap(([key, inner]) => pathsOf(inner, [...path, key]))]
}

function replaced(value: unknown, [key, ...rest]: readonly string[], to: unknown): unknown {
  if (key === undefined) return to
  if (Array.isArray(value))
    return value.map((inner, index) => (String(index) === key ? replaced(inner, rest, to) : inner))
  if (typeof value !== 'object' || value === null) return value
  return { ...value, [key]: replaced(Object.entries(value).find(([name]) => name === key)?.[1], rest, to) }
}

function isErrno(error: unknown): boolean {
  return error instanceof Errno
}

function isInvalid(error: unknown): boolean {
  return error instanceof VfioError && error.code === 'INVALID_DEFINITION'
}

describe('a scenario', () => {
  test.each([
    ['of any JSON', fc.json()],
    ['with some text spoilt', spoilt(JSON.stringify(pciScenario))],
    ['with some values of another kind', misshapen(pciScenario)],
  ])('%s is read or INVALID_DEFINITION; what is read makes a machine', (_, text) => {
    const { errors } = expectAnswers(
      text,
      (it) => {
        const kernel = createMockKernel(readScenario(it, 'lab.json'))
        kernel.files.list('/sys/bus/pci/devices')
        kernel.dispose()
      },
      isInvalid,
    )
    expect(errors).toBeGreaterThan(0)
  })
})

describe('a state file', () => {
  test.each([
    ['of any JSON', fc.json()],
    ['with some text spoilt', spoilt(JSON.stringify(initialState(pciScenario)))],
    ['with some values of another kind', misshapen(initialState(pciScenario))],
  ])('%s is read or null', (_, text) => {
    const { errors } = expectAnswers(text, parseState)
    expect(errors).toBe(0)
  })
})

describe('what is written to a file of sysfs', () => {
  const uuid = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1001'
  const bytes = (text: string) =>
    fc.oneof(
      spoilt(text).map((it) => Buffer.from(it)),
      noise(64).map((it) => Buffer.from(it)),
    )

  test('create: a UUID, or EINVAL', () => {
    const { values, errors } = expectAnswers(bytes(uuid), parseCreate, isErrno)
    expect(Math.min(values, errors)).toBeGreaterThan(0)
  })

  test('remove: whether it asks for it, or EINVAL', () => {
    const { values, errors } = expectAnswers(bytes('0x1\n'), parseRemove, isErrno)
    expect(Math.min(values, errors)).toBeGreaterThan(0)
  })
})
