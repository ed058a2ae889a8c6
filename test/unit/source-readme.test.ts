import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '../..')
const guide = readFileSync(join(root, 'src/README.md'), 'utf8')
const paths = [...guide.matchAll(/`((?:src|test)\/[^\s`]+|README\.md)`/g)].map(([, path = '']) => path)

test('every path that the guide to the source names is there', () => {
  expect(paths.length).toBeGreaterThan(30)
  expect(paths.filter((path) => !existsSync(join(root, path)))).toEqual([])
})

test('what the guide to the source links to is there', () => {
  const links = [...guide.matchAll(/\]\(([^)]+)\)/g)].map(([, path = '']) => path)
  expect(links.filter((path) => !existsSync(join(root, 'src', path)))).toEqual([])
})
