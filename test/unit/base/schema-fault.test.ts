import * as v from 'valibot'
import { expect, test } from 'vitest'
import { schemaFault } from '../../../src/base/schema-fault.ts'

const schema = v.strictObject({
  type: v.pipe(v.string(), v.nonEmpty()),
  count: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1))),
  others: v.optional(v.picklist(['keep', 'remove'])),
  attributes: v.optional(v.array(v.union([v.string(), v.number()]))),
  id: v.optional(v.pipe(v.string(), v.regex(/^[0-9a-f]{4}$/, 'must be four hex digits'))),
})

test.each([
  ['no object', 5, null, 'must be an object, not 5'],
  ['a missing field', {}, 'type', 'is missing'],
  ['a field of another name', { type: 'a', kind: 'b' }, 'kind', 'is not known here'],
  ['text that is a number', { type: 7 }, 'type', 'must be text, not 7'],
  ['empty text', { type: '' }, 'type', 'must not be empty'],
  ['a number that is too small', { type: 'a', count: 0 }, 'count', 'must be at least 1, not 0'],
  ['half a number', { type: 'a', count: 1.5 }, 'count', 'must be a whole number, not 1.5'],
  ['a word of others', { type: 'a', others: 'drop' }, 'others', 'must be "keep" or "remove", not "drop"'],
  ['no list', { type: 'a', attributes: {} }, 'attributes', 'must be a list, not an object'],
  [
    'a list of other things',
    { type: 'a', attributes: ['b', true] },
    'attributes.1',
    'must be text or a number, not true',
  ],
  ['what the schema words itself', { type: 'a', id: 'xyz' }, 'id', 'must be four hex digits'],
  ['a name that a terminal would obey', { type: 'a', '\x1b[2J': 1 }, '\\x1b[2J', 'is not known here'],
])('%s', (_what, value, place, what) => {
  const { issues } = v.safeParse(schema, value)
  expect(issues && schemaFault(issues)).toEqual({ place, what })
})
