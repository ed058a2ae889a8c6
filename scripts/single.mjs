// npm run single [-- --arch NAME… DIRECTORY]: vfioctl as one executable for hosts without Node, for each processor that
// there is one for unless named; in build/single unless told. Prints the paths.
import { readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { makeExecutable, processors } from './single/executable.mjs'

const root = dirname(import.meta.dirname)
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

const { values, positionals } = parseArgs({
  options: { arch: { type: 'string', multiple: true, default: processors } },
  allowPositionals: true,
})
const unknown = values.arch.filter((it) => !processors.includes(it))
if (unknown.length > 0 || positionals.length > 1) {
  console.error(`usage: npm run single [-- [--arch ${processors.join('|')}]... [DIRECTORY]]`)
  process.exitCode = 2
} else {
  const folder = resolve(positionals[0] ?? join(root, 'build/single'))
  for (const arch of values.arch) {
    const file = join(folder, `vfioctl-${version}-linux-${arch}`)
    await makeExecutable(arch, file)
    console.log(file)
  }
}
