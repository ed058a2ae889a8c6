import { join } from 'node:path'
import * as v from 'valibot'
import { expect, test } from 'vitest'
import { specSchema } from '../../../../src/lifecycle/spec/spec-schema.ts'

const script = join(import.meta.dirname, '../../../../scripts/man/spec-page.mjs')
const { keysOf }: { keysOf(schema: unknown, place: string): string[] } = await import(script)

test('every key of a spec file has a description', () => {
  const keys = keysOf(specSchema, 'the file').filter((line) => line.startsWith('.B '))
  expect(keys.length).toBeGreaterThan(20)
})

test.each([
  ['count', v.strictObject({ count: v.number() })],
  ['count', v.strictObject({ count: v.optional(v.number(), 1) })],
  ['inner', v.strictObject({ outer: v.pipe(v.array(v.strictObject({ inner: v.string() })), v.description('a list')) })],
])('a key without one, %s, is an error', (key, schema) => {
  expect(() => keysOf(schema, 'the file')).toThrow(`the key '${key}' of `)
})

test('a key is shown with what it is if it is left out', () => {
  const schema = v.strictObject({
    must: v.pipe(v.string(), v.description('a word.')),
    may: v.pipe(v.optional(v.boolean(), false), v.description('a choice.')),
  })
  expect(keysOf(schema, 'the file')).toEqual([
    '.SS The file',
    ...['.TP', '.B must:', 'a word. Required.'],
    ...['.TP', '.B may:', 'a choice. Default: \\fBfalse\\fR.'],
  ])
})
