import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '../..')
const folder = join(root, 'scripts/bench')

test('the benchmark imports what is built of the sources', () => {
  const imported = readdirSync(folder).flatMap((name) =>
    [...readFileSync(join(folder, name), 'utf8').matchAll(/'\.\.\/\.\.\/dist\/(.+)\.js'/g)].map(([, path]) => path),
  )
  expect(imported).toContain('index')
  expect(imported.filter((path) => !existsSync(join(root, 'src', `${path}.ts`)))).toEqual([])
})
