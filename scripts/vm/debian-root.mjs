// The root folder of a small system of Debian, as an admin finds one: with systemd, udev, apt and mdevctl, without Node.
import { join } from 'node:path'
import { debianMirror } from './archive.mjs'
import { cached, cacheFolder, hashedName } from './cache.mjs'
import { ensureInstalled, run, Unavailable } from './debian.mjs'

const packages = ['systemd', 'udev', 'kmod', 'procps', 'dbus', 'mdevctl']

/**
 * Its path; it is made if the cache lacks it, which takes root and some minutes.
 * @param {string} suite
 * @param {string[]} [more] packages besides
 */
export async function debianRoot(suite, more = []) {
  if (process.getuid?.() !== 0) throw new Unavailable(`not root, which it takes to install Debian ${suite} in a folder`)
  await ensureInstalled(['debootstrap'])
  const folder = join(cacheFolder, 'debian', `${suite}-${hashedName(['debian-root.mjs'], more)}`)
  await cached(folder, async (work) => {
    console.error(`installing Debian ${suite} in ${folder}`)
    const done = join(work, 'done')
    const options = ['--variant=minbase', '--include', packages.join(','), suite, done, await debianMirror()]
    await run('debootstrap', options).catch((error) => {
      throw new Unavailable(error.message)
    })
    if (more.length > 0) await installMore(done, more)
    return done
  })
  return folder
}

/** By apt, which finds an order that debootstrap does not. @param {string} root @param {string[]} names */
async function installMore(root, names) {
  const env = { DEBIAN_FRONTEND: 'noninteractive' }
  await run('chroot', [root, 'apt-get', '-y', '-q', '--no-install-recommends', 'install', ...names], { env }).catch(
    (error) => {
      throw new Unavailable(error.message)
    },
  )
}
