// A QEMU that is newer than the machine's own, in a tree of its own: nothing is installed.
import { join } from 'node:path'
import { suiteArchive, unpack } from './archive.mjs'
import { cached, cacheFolder, hashedName } from './cache.mjs'

/** The libraries it needs are those of the machine's own QEMU. */
const packages = ['qemu-system-x86', 'qemu-system-common', 'qemu-system-data', 'seabios']

/** The folder that it is in. Throws Unavailable. */
export async function newerQemuFolder() {
  const folder = join(cacheFolder, 'newer-qemu', hashedName(['newer-qemu.mjs']))
  await cached(folder, async (work) => {
    console.error(`unpacking a newer QEMU in ${folder}`)
    const done = join(work, 'done')
    // as if for another processor: apt must not see what is installed, which it would prefer
    await unpack(await suiteArchive('bookworm-backports', join(work, 'apt'), 'amd64'), packages, done)
    return done
  })
  return folder
}

/**
 * The program for this machine's processor, with the options by which it finds its firmware. Throws Unavailable.
 * @returns {Promise<string[]>}
 */
export async function newerQemu() {
  const folder = await newerQemuFolder()
  const firmware = ['qemu', 'seabios'].flatMap((it) => ['-L', join(folder, 'usr/share', it)])
  return [join(folder, 'usr/bin/qemu-system-x86_64'), ...firmware]
}
