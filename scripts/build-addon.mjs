// Builds the native addon with node-gyp: `node scripts/build-addon.mjs`, or `buildAddon()` from another script.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(import.meta.dirname)

/** Compiles native/ into build/Release/vfioctl.node, unless that is newer than every source. Returns its path. */
export function buildAddon() {
  const output = builtIn(root)
  if (!isUpToDate(output)) runNodeGyp(root)
  return output
}

/**
 * Compiles native/ into build/Release/vfioctl.node of another folder, which is emptied. Returns its path.
 * @param {string} folder @param {string[]} options of node-gyp @param {Record<string, string>} [env]
 */
export function buildAddonIn(folder, options, env) {
  // node-gyp writes to build/ of where it runs: it runs in a folder that has the same sources.
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  for (const name of ['binding.gyp', 'native', 'node_modules', 'package.json']) {
    symlinkSync(join(root, name), join(folder, name))
  }
  runNodeGyp(folder, options, env)
  return builtIn(folder)
}

/** @param {string} folder */
export function builtIn(folder) {
  return join(folder, 'build/Release/vfioctl.node')
}

/** If an addon is newer than every source. @param {string} output */
export function isUpToDate(output) {
  const native = join(root, 'native')
  const sources = [join(root, 'binding.gyp'), ...readdirSync(native).map((name) => join(native, name))]
  const newest = Math.max(...sources.map((path) => statSync(path).mtimeMs))
  return existsSync(output) && statSync(output).mtimeMs >= newest
}

/** `node-gyp rebuild` in a folder, with this Node's own headers where they came with it. */
function runNodeGyp(folder, options = [], env = {}) {
  const nodeGyp = createRequire(import.meta.url).resolve('node-gyp/bin/node-gyp.js')
  const prefix = dirname(dirname(process.execPath))
  const headers = existsSync(join(prefix, 'include/node/node_api.h')) ? [`--nodedir=${prefix}`] : []
  const always = ['rebuild', '--silent', '--jobs=max', '--werror=1']
  const result = spawnSync(process.execPath, [nodeGyp, ...always, ...headers, ...options], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, ...env },
  })
  if (result.status === 0) return
  throw new Error(`node-gyp failed in ${folder}:\n${result.stdout}${result.stderr}`, { cause: result.error })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(buildAddon())
