// Debian's own mdevctl 1.2.0, to be run on a fake tree. It knows no other root than /, so the tree becomes its root.
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { machineArchive, unpack } from '../vm/archive.mjs'
import { Unavailable } from '../vm/debian.mjs'

const binary = '/usr/bin/mdevctl'

/** Puts mdevctl and its libraries into the tree. Throws Unavailable where that takes what this machine lacks. */
export async function installMdevctl(root) {
  if (process.getuid?.() !== 0) throw new Unavailable('chroot needs root')
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'vfioctl/mdevctl')
  if (!existsSync(cache + binary)) {
    mkdirSync(cache, { recursive: true })
    await unpack(machineArchive, ['mdevctl'], cache)
  }
  copy(cache + binary, root + binary)
  for (const library of libraries(cache + binary)) copy(library, root + library)
}

/** The command that runs it there. */
export function mdevctlIn(root, ...args) {
  return ['chroot', root, binary, ...args]
}

function libraries(path) {
  return execFileSync('ldd', [path], { encoding: 'utf8' }).match(/\/\S+(?= \()/g) ?? []
}

function copy(from, to) {
  mkdirSync(dirname(to), { recursive: true })
  cpSync(from, to, { dereference: true })
}
