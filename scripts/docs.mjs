// npm run docs: the API reference, in Markdown, in dist/docs; what the doors do not explain or link wrongly is an error.
import { spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'

const root = dirname(import.meta.dirname)

/** Writes the reference of src/index.ts and src/mock.ts into dist/docs. */
export function writeReference() {
  const { status, stdout, stderr } = spawnSync(
    join(root, 'node_modules/.bin/typedoc'),
    ['--options', 'scripts/typedoc.json'],
    { cwd: root, encoding: 'utf8' },
  )
  if (status !== 0) throw new Error(`typedoc failed:\n${stdout}${stderr}`)
}

if (process.argv[1] === import.meta.filename) writeReference()
