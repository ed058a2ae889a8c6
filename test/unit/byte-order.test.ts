import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const source = join(import.meta.dirname, '../../src')

test('each number in bytes is read and written in an order that has a name: the kernel’s or the device’s', () => {
  const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'))
  const unnamed = files.flatMap((file) => {
    const text = readFileSync(join(source, file), 'utf8')
    const calls = text.matchAll(/\.(?:get|set)(?:Big)?(?:Ui|I)nt(?:16|32|64)\((?<given>[^\n]*)/g)
    return [...calls]
      .filter(({ groups }) => /\b(?:true|false)\)/.test(groups?.['given'] ?? ''))
      .map(([call]) => `${file}: ${call}`)
  })
  expect(unnamed).toEqual([])
})
