// node scripts/vm/emulated-node.mjs PROCESSOR ARGUMENT…: Node for another processor, on this machine, by qemu-user.
import { spawnSync } from 'node:child_process'
import { mkdir, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { suiteArchive, unpackWithDependencies } from './archive.mjs'
import { cached, cacheFolder, hashedName } from './cache.mjs'
import { ensureInstalled, Unavailable } from './debian.mjs'
import { copyMerged } from './guest-packages.mjs'

/** qemu-user's name for each processor, by Node's name, which is Debian's too. */
const emulators = { arm64: 'qemu-aarch64', s390x: 'qemu-s390x' }

/** The archive of trixie lacks, for s390x, the packages of its point releases. */
const suite = 'forky'

/**
 * Debian's Node for a processor, and the words that run it; the emulator is installed, and Node unpacked in a cache.
 * @param {keyof typeof emulators} arch
 */
async function emulatedNode(arch) {
  await ensureInstalled(['qemu-user'])
  const root = join(cacheFolder, 'emulated-node', `${arch}-${hashedName(['emulated-node.mjs', 'guest-packages.mjs'])}`)
  await cached(root, async (work) => {
    console.error(`unpacking Debian's Node for ${arch} in ${root}`)
    const unpacked = join(work, 'unpacked')
    await mkdir(unpacked)
    await unpackWithDependencies(await suiteArchive(suite, join(work, 'apt'), arch), ['nodejs'], unpacked)
    const done = join(work, 'done')
    await copyMerged(unpacked, done)
    await symlink('usr/lib', join(done, 'lib'))
    return done
  })
  return { emulator: [emulators[arch], '-cpu', 'max', '-L', root], node: join(root, 'usr/bin/node') }
}

/** The words before a program for a processor: none for this machine's own. @param {string} arch */
export async function emulatorFor(arch) {
  return arch === process.arch ? [] : (await emulatedNode(arch)).emulator
}

if (process.argv[1] === import.meta.filename) {
  const [arch, ...args] = process.argv.slice(2)
  try {
    const { emulator, node } = await emulatedNode(arch)
    const [program, ...before] = [...emulator, node]
    const { status, signal } = spawnSync(program, [...before, ...args], { stdio: 'inherit' })
    process.exitCode = status ?? (signal === null ? 1 : 128)
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error
    console.error(`unavailable: ${error.message}`)
    process.exitCode = 77
  }
}
