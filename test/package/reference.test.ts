import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, inject, test } from 'vitest'
import * as library from '../../src/index.ts'
import * as mock from '../../src/mock.ts'

const tarball = inject('tarball')
const pages = new Set(execFileSync('tar', ['-tzf', tarball], { encoding: 'utf8' }).split('\n'))

function page(path: string): string {
  return execFileSync('tar', ['-xzOf', tarball, `package/dist/docs/${path}`], { encoding: 'utf8' })
}

test('the package has the API reference of both doors', () => {
  expect(page('README.md')).toContain('[index](index/README.md)')
  expect(page('README.md')).toContain('[mock](mock/README.md)')
})

test.each([
  ['index', library],
  ['mock', mock],
])('each class and function that %s exports has a page', (door, exported) => {
  const expected = Object.entries(exported).flatMap(([name, value]) => {
    if (typeof value !== 'function') return []
    const folder = /^class\b/.test(Function.prototype.toString.call(value)) ? 'classes' : 'functions'
    return [`package/dist/docs/${door}/${folder}/${name}.md`]
  })
  expect(expected.length).toBeGreaterThan(2)
  expect(expected.filter((path) => !pages.has(path))).toEqual([])
})

test('a page says what its class does, and each link leads to a page', () => {
  expect(page('index/classes/Host.md')).toContain('### openDevice()')
  const broken = [...page('index/classes/Host.md').matchAll(/\]\(([^)#]+\.md)/g)]
    .map(([, target = '']) => join('package/dist/docs/index/classes', target))
    .filter((path) => !pages.has(path))
  expect(broken).toEqual([])
})
