// npm run build: the library and its types in dist/, the command line in dist/bin/, its manual in dist/man/, the addon in
// build/. What is up to date is left alone.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { buildAddon } from './build-addon.mjs'
import { bundleCli } from './bundle/bundle-cli.mjs'
import { loadSources } from './load-sources.mjs'
import { writeManual } from './man.mjs'

const root = dirname(import.meta.dirname)
const stamp = join(root, 'node_modules/.cache/vfioctl-build')

/** Builds what is stale, and says what it did. */
export async function build() {
  const wanted = hashSources([
    'src',
    'scripts/bundle',
    'scripts/build.mjs',
    'scripts/load-sources.mjs',
    'scripts/man.mjs',
    'scripts/man',
    'README.md',
    'package-lock.json',
  ])
  const done = existsSync(stamp) && existsSync(join(root, 'dist/bin/vfioctl.cjs')) ? readFileSync(stamp, 'utf8') : ''
  if (done !== wanted) {
    // whole, as files of before would go into the package, and be imported here though they are no more
    await replaceFolder(join(root, 'dist'), async (folder) => {
      compileLibrary(folder)
      await bundleCli(join(root, 'src/cli/main.ts'), join(folder, 'bin'))
      await writeManual(join(folder, 'man'))
      await writeSpecSchema(join(folder, 'spec-1.schema.json'))
      // into the package, whose top level has no place for it here
      copyFileSync(join(root, 'src/CHANGELOG.md'), join(folder, 'CHANGELOG.md'))
    })
    mkdirSync(dirname(stamp), { recursive: true })
    writeFileSync(stamp, wanted)
    console.log('built dist')
  }
  if (process.platform !== 'linux') console.log('no addon: this is no Linux; the mock needs none')
  else if (!hasCompiler()) console.log('no addon: g++, make or python3 is not there; the mock needs none')
  else buildAddon()
}

/** src/ by the TypeScript compiler; the command line is bundled instead. */
function compileLibrary(folder) {
  const { status, stdout, stderr } = spawnSync(join(root, 'node_modules/.bin/tsc'), ['-p', 'src', '--outDir', folder], {
    cwd: root,
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`tsc -p src failed:\n${stdout}${stderr}`)
  rmSync(join(folder, 'cli'), { recursive: true, force: true })
}

/** The JSON Schema of spec files, as `vfioctl spec schema` prints it, for editors. */
async function writeSpecSchema(path) {
  const { specJsonSchema } = await loadSources(['cli/output/spec-json-schema'])
  writeFileSync(path, `${JSON.stringify(specJsonSchema(), null, 2)}\n`)
}

/** Processes that run meanwhile see the old folder or the new one, but for the moment between two renames. */
async function replaceFolder(folder, fill) {
  const fresh = `${folder}.new-${process.pid}`
  const old = `${folder}.old-${process.pid}`
  try {
    await fill(fresh)
    if (existsSync(folder)) renameSync(folder, old)
    renameSync(fresh, folder)
  } finally {
    rmSync(fresh, { recursive: true, force: true })
    rmSync(old, { recursive: true, force: true })
  }
}

function hashSources(paths) {
  const hash = createHash('sha256')
  for (const path of paths) {
    const full = join(root, path)
    const names = path.includes('.') ? [''] : readdirSync(full, { recursive: true }).sort()
    for (const name of names) {
      if (name === '' || /\.\w+$/.test(name)) hash.update(`${path}/${name}\0`).update(readFileSync(join(full, name)))
    }
  }
  return hash.digest('hex')
}

function hasCompiler() {
  const folders = (process.env.PATH ?? '').split(delimiter)
  return ['g++', 'make', 'python3'].every((tool) => folders.some((folder) => existsSync(join(folder, tool))))
}

if (process.argv[1] === import.meta.filename) await build()
