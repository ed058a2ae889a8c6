// npm run pack [-- DIRECTORY]: the package as npm takes it, with the addon for each processor and the API reference; prints the tarball's path.
import { execFileSync } from 'node:child_process'
import { dirname, join, resolve } from 'node:path'
import { build } from './build.mjs'
import { writeReference } from './docs.mjs'
import { prebuild } from './prebuild.mjs'

const root = dirname(import.meta.dirname)

/** @param {string} directory where the tarball goes */
export async function pack(directory) {
  await build()
  writeReference()
  await prebuild(join(root, 'prebuilds'))
  const answer = execFileSync('npm', ['pack', '--json', '--pack-destination', directory], {
    cwd: root,
    encoding: 'utf8',
  })
  return join(directory, JSON.parse(answer)[0].filename)
}

if (process.argv[1] === import.meta.filename) console.log(await pack(resolve(process.argv[2] ?? root)))
