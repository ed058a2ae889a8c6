import fc from 'fast-check'
import { expect, test } from 'vitest'
import { VfioError } from '../../../../src/base/errors.ts'
import { type Definition, formatDefinition, parseDefinition } from '../../../../src/lifecycle/definition/definition.ts'
import { expectAnswers, spoilt } from '../../hostile.ts'

const path = '/etc/mdevctl.d/matrix/83b8f4f2-509f-382f-3c1e-e6bfe0fa1001'

test('a definition is written as mdevctl writes it, byte for byte', () => {
  const definition: Definition = {
    type: 'vfio_ap-passthrough',
    start: 'auto',
    attributes: [
      { name: 'assign_adapter', value: '5' },
      { name: 'assign_domain', value: '0xab' },
    ],
  }
  expect(formatDefinition(definition)).toBe(
    '{\n  "mdev_type": "vfio_ap-passthrough",\n  "start": "auto",\n  "attrs": [\n    {\n      "assign_adapter": "5"\n    },\n    {\n      "assign_domain": "0xab"\n    }\n  ]\n}',
  )
})

test('an empty list of attributes is written on one line', () => {
  expect(formatDefinition({ type: 't', start: 'manual', attributes: [] })).toBe(
    '{\n  "mdev_type": "t",\n  "start": "manual",\n  "attrs": []\n}',
  )
})

test('absent attrs are none, and unknown keys are passed over', () => {
  expect(parseDefinition('{"mdev_type":"t","start":"auto","comment":"x"}', path)).toEqual({
    type: 't',
    start: 'auto',
    attributes: [],
  })
})

test.each([
  ['{ not json', 'JSON'],
  ['[]', 'mdev_type'],
  ['null', 'an object'],
  ['{"start":"auto"}', 'mdev_type'],
  ['{"mdev_type":"","start":"auto"}', 'mdev_type'],
  ['{"mdev_type":"../../etc","start":"auto"}', 'mdev_type'],
  ['{"mdev_type":5,"start":"auto"}', 'mdev_type'],
  ['{"mdev_type":"t"}', 'start'],
  ['{"mdev_type":"t","start":"whenever"}', 'start'],
  ['{"mdev_type":"t","start":"auto","attrs":{"a":"b"}}', 'attrs'],
  ['{"mdev_type":"t","start":"auto","attrs":["a"]}', 'attrs.0'],
  ['{"mdev_type":"t","start":"auto","attrs":[{"a":1}]}', 'attrs.0.a'],
  ['{"mdev_type":"t","start":"auto","attrs":[{"a":"1","b":"2"}]}', 'attrs.0'],
  ['{"mdev_type":"t","start":"auto","attrs":[{}]}', 'attrs.0'],
])('%s is refused with its path and the place', (text, place) => {
  expect(() => parseDefinition(text, path)).toThrow(expect.objectContaining({ code: 'INVALID_DEFINITION', path }))
  expect(() => parseDefinition(text, path)).toThrow(place)
})

test('what is written is read back the same, whatever the texts hold', () => {
  const name = fc.oneof(fc.string(), fc.constantFrom('__proto__', 'constructor', 'prototype', '10'))
  const attribute = fc.record({ name, value: fc.string() })
  fc.assert(
    fc.property(
      fc.record({
        type: fc.stringMatching(/^[\w +-]{1,40}$/),
        start: fc.constantFrom('auto' as const, 'manual' as const),
        attributes: fc.array(attribute),
      }),
      (definition) => {
        expect(parseDefinition(formatDefinition(definition), path)).toEqual(definition)
      },
    ),
  )
})

test('what could not be read back is not written', () => {
  const attributes = [{ name: 'a', value: 'x'.repeat(1024 * 1024) }]
  expect(() => formatDefinition({ type: 't', start: 'auto', attributes })).toThrow(
    expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
  )
  expect(() => formatDefinition({ type: '../t', start: 'auto', attributes: [] })).toThrow('mdev_type')
})

test.each([
  ['any text', fc.oneof(fc.string(), fc.json())],
  ['a definition, spoilt', spoilt('{"mdev_type":"t","start":"auto","attrs":[{"a":"b"},{"c":"d"}]}')],
])('%s is a definition or INVALID_DEFINITION, never another failure', (_, text) => {
  const { errors } = expectAnswers(text, (it) => parseDefinition(it, path), isInvalid)
  expect(errors).toBeGreaterThan(0)
})

function isInvalid(error: unknown): boolean {
  return error instanceof VfioError && error.code === 'INVALID_DEFINITION' && error.path === path
}
