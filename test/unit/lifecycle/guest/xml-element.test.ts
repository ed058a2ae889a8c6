import fc from 'fast-check'
import { expect, test } from 'vitest'
import { xmlElement } from '../../../../src/lifecycle/guest/xml-element.ts'
import { expectAnswers, textOf } from '../../hostile.ts'

test('elements are indented, and a value that is undefined is left out', () => {
  const inner = xmlElement('b', {}, [xmlElement('c', { d: '1', e: undefined })])
  expect(xmlElement('a', {}, [inner])).toBe("<a>\n  <b>\n    <c d='1'/>\n  </b>\n</a>")
})

test('any value stays inside its quotes and reads back, or XML cannot have it', () => {
  const values = fc.oneof(textOf("'", '"', '<', '>', '&', '&amp;', ']]>', '<!--', 'é'), fc.string({ unit: 'binary' }))
  const { values: taken, errors } = expectAnswers(values, (value) => {
    const [, written = ''] = /^<a b='([^'<>\p{Cc}]*)'\/>$/u.exec(xmlElement('a', { b: value })) ?? []
    const back = written.replace(/&(amp|lt|gt|apos|quot);/g, (_all, name: string) => characters[name] ?? '')
    expect(back).toBe(value)
  })
  expect(Math.min(taken, errors)).toBeGreaterThan(0)
})

const characters: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', apos: "'", quot: '"' }

test.each(['', 'a b', "a='", 'a/', '1a', 'xml:id'])('%j is no name', (name) => {
  expect(() => xmlElement(name, {})).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
  expect(() => xmlElement('a', { [name]: '1' })).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
})
