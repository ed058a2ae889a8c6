// Debian's packages for the guest alone: nothing is installed on this machine, whose root the guest sees.
import { existsSync } from 'node:fs'
import { cp, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { machineArchive, unpackWithDependencies } from './archive.mjs'
import { cached, cacheFolder, hashedName } from './cache.mjs'

/**
 * Packages that our drop-in stands beside or serves, that tell libvirt and rules of devices, boot, use disks, or run
 * containers.
 */
const wanted = ['mdevctl', 'libvirt-daemon', 'libvirt-clients', 'udev', 'systemd', 'btrfs-progs', 'podman', 'crun']

/**
 * The folder with the packages' files, to be laid over the machine's own.
 * @returns {Promise<string>}
 */
export async function guestPackages() {
  const folder = join(cacheFolder, 'packages', hashedName(['guest-packages.mjs']))
  await cached(folder, async (work) => {
    console.error(`unpacking the guest's packages in ${folder}`)
    const unpacked = join(work, 'unpacked')
    await unpackWithDependencies(machineArchive, wanted, unpacked)
    const done = join(work, 'done')
    await copyMerged(unpacked, done)
    return done
  })
  return folder
}

/**
 * As Debian's packages are installed: what they have in /bin, /sbin and /lib, which are links into /usr, is in /usr.
 * @param {string} unpacked
 * @param {string} done
 */
export async function copyMerged(unpacked, done) {
  for (const part of ['etc', 'usr']) await copyIfThere(join(unpacked, part), join(done, part))
  for (const part of ['bin', 'sbin', 'lib']) await copyIfThere(join(unpacked, part), join(done, 'usr', part))
}

/** @param {string} from @param {string} to */
async function copyIfThere(from, to) {
  if (!existsSync(from)) return
  await mkdir(to, { recursive: true })
  await cp(from, to, { recursive: true, verbatimSymlinks: true })
}
