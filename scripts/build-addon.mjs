// Builds the native addon with node-gyp: `node scripts/build-addon.mjs`, or `buildAddon()` from another script.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(import.meta.dirname)

/** Compiles native/ into build/Release/vfioctl.node, unless that is newer than every source. Returns its path. */
export function buildAddon() {
  const output = join(root, 'build/Release/vfioctl.node')
  const native = join(root, 'native')
  const sources = [join(root, 'binding.gyp'), ...readdirSync(native).map((name) => join(native, name))]
  const newest = Math.max(...sources.map((path) => statSync(path).mtimeMs))
  if (existsSync(output) && statSync(output).mtimeMs >= newest) return output
  runNodeGyp(root, ['--werror=1'])
  return output
}

/** `node-gyp rebuild` in a folder, with this Node's own headers where they came with it. */
export function runNodeGyp(folder, options) {
  const nodeGyp = createRequire(import.meta.url).resolve('node-gyp/bin/node-gyp.js')
  const prefix = dirname(dirname(process.execPath))
  const headers = existsSync(join(prefix, 'include/node/node_api.h')) ? [`--nodedir=${prefix}`] : []
  const result = spawnSync(process.execPath, [nodeGyp, 'rebuild', '--silent', ...headers, ...options], {
    cwd: folder,
    encoding: 'utf8',
  })
  if (result.status === 0) return
  throw new Error(`node-gyp failed in ${folder}:\n${result.stdout}${result.stderr}`, { cause: result.error })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(buildAddon())
