// Gives a fresh checkout all that it lacks: npm packages, a compiler, the build.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { ensureInstalled } from './vm/debian.mjs'

const root = dirname(import.meta.dirname)

/** Does what is missing; quick when nothing is. */
export async function setup() {
  if (!packagesMatchLock()) runOrThrow('npm', ['ci', '--no-audit', '--no-fund'])
  await ensureCompiler()
  runOrThrow(process.execPath, ['scripts/build.mjs'])
}

/** npm keeps what it installed in a lock file of its own; times say little, as npm writes the two in any order. */
function packagesMatchLock() {
  const installedFile = join(root, 'node_modules/.package-lock.json')
  if (!existsSync(installedFile)) return false
  const installed = JSON.parse(readFileSync(installedFile, 'utf8')).packages
  const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages
  return Object.entries(wanted).every(([path, { version, optional }]) => {
    if (path === '') return true
    return installed[path] ? installed[path].version === version : optional === true
  })
}

/** The addon's compiler; node-gyp is a Python program. */
async function ensureCompiler() {
  if (process.platform !== 'linux') return
  const folders = (process.env.PATH ?? '').split(delimiter)
  const missing = ['g++', 'make', 'python3'].filter((it) => !folders.some((folder) => existsSync(join(folder, it))))
  if (missing.length > 0) await ensureInstalled(missing)
}

/** @param {string} file @param {string[]} args */
function runOrThrow(file, args) {
  const { status, signal, error } = spawnSync(file, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] })
  if (error) throw error
  if (status !== 0) throw new Error(`${file} ${args.join(' ')} ended with ${status ?? signal}`)
}
