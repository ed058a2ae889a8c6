// npm run packages [-- --arch NAME… --format deb|rpm… DIRECTORY]: vfioctl as packages of distributions, for each processor
// and in each form unless named; in build/packages unless told. Prints the paths. SOURCE_DATE_EPOCH is the time of all
// files; unless set, it is that of the last commit.
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { build } from './build.mjs'

const root = dirname(import.meta.dirname)
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const arches = ['x64', 'arm64', 's390x']
const formats = ['deb', 'rpm']

const { values, positionals } = parseArgs({
  options: {
    arch: { type: 'string', multiple: true, default: arches },
    format: { type: 'string', multiple: true, default: formats },
  },
  allowPositionals: true,
})
const isWrong =
  positionals.length > 1 ||
  values.arch.some((it) => !arches.includes(it)) ||
  values.format.some((it) => !formats.includes(it))
if (isWrong) {
  console.error(
    `usage: npm run packages [-- [--arch ${arches.join('|')}]... [--format ${formats.join('|')}]... [DIRECTORY]]`,
  )
  process.exitCode = 2
} else {
  await makePackages(resolve(positionals[0] ?? join(root, 'build/packages')))
}

/** @param {string} folder */
async function makePackages(folder) {
  await build()
  // They need what was just built.
  const { fillTree } = await import('./packages/tree.mjs')
  const { makeDeb } = await import('./packages/deb.mjs')
  const { makeRpm, rpmArches } = await import('./packages/rpm.mjs')
  mkdirSync(folder, { recursive: true })
  const told = process.env.SOURCE_DATE_EPOCH
  const time = Number(told ?? execFileSync('git', ['log', '-1', '--format=%ct'], { cwd: root, encoding: 'utf8' }))
  for (const arch of values.arch) {
    const work = mkdtempSync(join(tmpdir(), 'vfioctl-packages-'))
    try {
      const tree = join(work, 'tree')
      mkdirSync(tree)
      await fillTree(arch, tree)
      const request = { arch, tree, folder, version, time }
      if (values.format.includes('deb')) console.log(await makeDeb(request))
      if (values.format.includes('rpm') && rpmArches.includes(arch)) console.log(await makeRpm(request))
    } finally {
      rmSync(work, { recursive: true, force: true })
    }
  }
}
