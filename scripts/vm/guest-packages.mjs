// Debian's packages for the guest alone: nothing is installed on this machine, whose root the guest sees.
import { existsSync } from 'node:fs'
import { cp, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { ensureLists, machineArchive, unpack } from './archive.mjs'
import { cached, cacheFolder, hashedName } from './cache.mjs'
import { run } from './debian.mjs'

/** What our drop-in stands beside and is used by, what tells libvirt and rules of devices, what boots, and what uses disks. */
const wanted = ['mdevctl', 'libvirt-daemon', 'libvirt-clients', 'udev', 'systemd', 'btrfs-progs']

/**
 * The folder with the packages' files, to be laid over the machine's own.
 * @returns {Promise<string>}
 */
export async function guestPackages() {
  const folder = join(cacheFolder, 'packages', hashedName(['guest-packages.mjs']))
  await cached(folder, async (work) => {
    console.error(`unpacking the guest's packages in ${folder}`)
    const unpacked = join(work, 'unpacked')
    await unpack(machineArchive, await missingPackages(), unpacked)
    const done = join(work, 'done')
    for (const part of ['etc', 'usr']) await copyIfThere(join(unpacked, part), join(done, part))
    // Links into /usr on Debian: a folder of such a name would hide what the machine has there.
    for (const part of ['bin', 'sbin', 'lib']) await copyIfThere(join(unpacked, part), join(done, 'usr', part))
    return done
  })
  return folder
}

/**
 * With what they depend on, less what the machine has: apt would install these anew. It would upgrade others, which
 * serve as they are.
 */
async function missingPackages() {
  await ensureLists(machineArchive, wanted[0])
  const said = await run('apt-get', ['install', '--simulate', '--no-install-recommends', ...wanted])
  return Array.from(said.matchAll(/^Inst (\S+) \((\S+)/gm), ([, name, version]) => `${name}=${version}`)
}

/** @param {string} from @param {string} to */
async function copyIfThere(from, to) {
  if (!existsSync(from)) return
  await mkdir(to, { recursive: true })
  await cp(from, to, { recursive: true, verbatimSymlinks: true })
}
