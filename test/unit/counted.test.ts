import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { counted } from '../../src/base/units.ts'

const source = join(import.meta.dirname, '../../src')
const nouns =
  '(?:more |other |opened |virtual )?(?:descriptors|devices|events|faults|files|functions|mappings|notes|parents|pieces|vectors)'

test('one thing is one, and any other number several', () => {
  expect([0, 1, 2].map((count) => counted(count, 'virtual function'))).toEqual([
    '0 virtual functions',
    '1 virtual function',
    '2 virtual functions',
  ])
})

test('no text has a number before a plural noun that could be 1', () => {
  const found = readdirSync(source, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.startsWith('mock/'))
    .flatMap((file) => {
      const text = readFileSync(join(source, file), 'utf8').replaceAll(/^\s*(?:\*|\/[/*]).*$/gm, '')
      const holes = [...text.matchAll(new RegExp(`\\$\\{[^{}\`]+\\} ${nouns}\\b`, 'g'))].map(([hole]) => hole)
      const endings = [...text.matchAll(/=== 1 \? '' : 's'/g)].map(([ending]) => ending)
      return [...holes, ...endings].map((it) => `${file}: ${it}`)
    })
  expect(found).toEqual(["base/units.ts: === 1 ? '' : 's'"])
})
