import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { specExampleFile, specExamples } from '../../../../src/cli/output/spec-examples.ts'
import { specJsonSchema } from '../../../../src/cli/output/spec-json-schema.ts'
import { checkSpec } from '../../../../src/lifecycle/spec/check-spec.ts'
import { codeBlocks } from '../../../readme.ts'
import { breaksOf, type JsonSchema } from './schema-breaks.ts'

const schema = JSON.parse(JSON.stringify(specJsonSchema()))
const takes = new Ajv2020().compile(schema)
/** Version 1 as it was published first; what is added later need not be in it. */
const published: JsonSchema = JSON.parse(readFileSync(join(import.meta.dirname, 'spec-1.schema.json'), 'utf8'))

const files = [
  ...Object.entries(specExamples).map(([name, example]) => [`example ${name}`, specExampleFile(example)] as const),
  ...codeBlocks('yaml')
    .filter((text) => text.startsWith('version: 1\n'))
    .map((text, index) => [`README's ${index + 1}`, text] as const),
]

test.each(files)('the parser and the JSON Schema both take %s', (_, text) => {
  expect(checkSpec(text).faults).toEqual([])
  expect(takes(parse(text)), JSON.stringify(takes.errors)).toBe(true)
})

test.each([
  '{}',
  '[]',
  'version: 2\nparents: []',
  'version: 1\nparnets: []',
  'version: 1\nparents: [{ parent: 41 }]',
  'version: 1\nparents: [{ parent: mtty, devices: [{ type: a, count: -1 }] }]',
  'version: 1\nparents: [{ parent: mtty, devices: [{ type: a, uuid: nope }] }]',
  'version: 1\nparents: [{ parent: mtty, others: delete }]',
  'version: 1\nparents: [{ parent: 41:00.0, sriov: some }]',
  'version: 1\nbindings: [{ driver: vfio-pci }]',
  'version: 1\nbindings: [{ device: { vendor: 8086 } }]',
  'version: 1\nbindings: [{ device: { card: mtty } }]',
  'version: 1\nbindings: [{ device: a, power: full }]',
])('both refuse %s', (text) => {
  expect(checkSpec(text).faults).not.toEqual([])
  expect(takes(parse(text))).toBe(false)
})

test('what the parser takes, the JSON Schema takes: forms of UUIDs, addresses and ids', () => {
  const digits = (count: number) => fc.stringMatching(new RegExp(`^[0-9a-fA-F]{${count}}$`))
  const uuid = fc
    .tuple(fc.constantFrom('', 'urn:uuid:', '{'), fc.constantFrom('', '-'), digits(8), digits(4), digits(12))
    .map(([before, hyphen, one, two, last]) => {
      return `${before}${[one, two, two, two, last].join(hyphen)}${before === '{' ? '}' : ''}`
    })
  const address = fc
    .tuple(fc.constantFrom('', '0000:', '00000001:', 'pci@0000:'), digits(2), fc.constantFrom('00.0', '1f.7', '1F.3'))
    .map(([domain, bus, rest]) => `${domain}${bus}:${rest}`)
  const id = fc.tuple(fc.constantFrom('', '0x', '0X'), digits(4)).map((parts) => parts.join(''))
  fc.assert(
    fc.property(uuid, address, id, (uuid, card, vendor) => {
      const spec = {
        version: 1,
        parents: [{ parent: { vendor }, devices: [{ type: 'a', uuid }] }],
        bindings: [{ device: { card } }],
      }
      expect(checkSpec(JSON.stringify(spec)).faults).toEqual([])
      expect(takes(spec), JSON.stringify(takes.errors)).toBe(true)
    }),
  )
})

test('each key has its description', () => {
  const without = (its: JsonSchema, place: string): string[] => {
    const { items, anyOf = [], properties = {} } = its
    const inner = [...anyOf, ...(items === undefined ? [] : [items])].flatMap((it) => without(it, place))
    const keys = Object.entries(properties).flatMap(([key, of]) => [
      ...('description' in of ? [] : [`${place}.${key}`]),
      ...without(of, `${place}.${key}`),
    ])
    return [...inner, ...keys]
  }
  expect(without(schema, '')).toEqual([])
})

describe('version 1 of the format is frozen:', () => {
  test('it takes all that it took when it was published', () => {
    expect(breaksOf(published, schema)).toEqual([])
  })

  const parent = ['properties', 'parents', 'items']
  const others = [...parent, 'properties', 'others']
  const count = [...parent, 'properties', 'devices', 'items', 'properties', 'count']

  test.each<[string, readonly string[], object, string]>([
    ['a key that goes', [...parent, 'properties'], { others: undefined }, '.parents[].others: is gone'],
    ['a key that is demanded', parent, { required: ['parent', 'sriov'] }, '.parents[]: required'],
    ['a word that goes', others, { enum: ['keep'] }, '.parents[].others: values'],
    ['a default that changes', others, { default: 'remove' }, '.parents[].others: default'],
    ['a bound that is closer', count, { maximum: 10 }, '.parents[].devices[].count: maximum'],
  ])('%s is found', (_, path, change, found) => {
    const copy = structuredClone(schema)
    Object.assign(
      path.reduce((object, key) => object[key], copy),
      change,
    )
    expect(breaksOf(published, JSON.parse(JSON.stringify(copy)))).toEqual([found])
  })
})
