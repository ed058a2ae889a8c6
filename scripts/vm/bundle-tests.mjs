// The tests for a guest, made on this machine: an emulated processor would take minutes to transform what they import.
import { readdir, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'

const checkout = dirname(dirname(import.meta.dirname))
const tests = join(checkout, 'test')
/** In the checkout, as what they import from node_modules is found from there. */
const folder = join(checkout, 'build/guest')

const isTest = /\.test\.ts$|\/reboot\/(before|after)\.ts$/

/** Bundles all tests that can run in a guest. */
export async function bundleTests() {
  // Here, as this file is loaded by scripts that install rolldown first.
  const { rolldown } = await import('rolldown')
  const parts = ['contract', 'vm']
  const found = await Promise.all(parts.map((it) => readdir(join(tests, it), { recursive: true })))
  const files = parts.flatMap((part, i) => found[i].map((it) => join(part, it))).filter((it) => isTest.test(it))
  await rm(folder, { recursive: true, force: true })
  const bundle = await rolldown({
    input: Object.fromEntries(files.map((it) => [it.replace(/\.ts$/, ''), join(tests, it)])),
    platform: 'node',
    tsconfig: false,
    checks: { ineffectiveDynamicImport: false },
    external: ['vitest', 'ffi-rs', 'rolldown'],
    transform: { target: 'node20' },
    plugins: [{ name: 'own-places', transform: { filter: { id: /\.ts$/ }, handler: withOwnPlaces } }],
  })
  await bundle.write({
    dir: join(folder, 'test'),
    format: 'esm',
    entryFileNames: '[name].mjs',
    chunkFileNames: '[name].mjs',
    codeSplitting: { groups: [{ name: 'source', test: /\/src\// }] },
  })
  await bundle.close()
}

/** Gives a module's `import.meta` the place of the file that it was. @param {string} code @param {string} id */
function withOwnPlaces(code, id) {
  return code
    .replaceAll('import.meta.dirname', JSON.stringify(dirname(id)))
    .replaceAll('import.meta.url', JSON.stringify(pathToFileURL(id).href))
}
