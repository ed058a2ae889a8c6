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
    const options = [
      '--variant=minbase',
      '--include',
      [...packages, ...more].join(','),
      suite,
      done,
      await debianMirror(),
    ]
    await run('debootstrap', options).catch((error) => {
      throw new Unavailable(error.message)
    })
    return done
  })
  return folder
}
