// One release of a package that npm has, and those bytes: for a processor that need not be this machine's.
import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import { cached, cacheFolder } from '../vm/cache.mjs'
import { run, Unavailable } from '../vm/debian.mjs'

/**
 * The folder that it is in, which is fetched if the cache lacks it.
 * @param {string} name
 * @param {string} version
 * @param {string} integrity as package-lock.json has it
 */
export async function npmPackage(name, version, integrity) {
  const folder = join(cacheFolder, 'npm', `${name.replace('/', '-')}-${version}-${integrity.slice(-12, -2)}`)
  await cached(folder, async (work) => {
    const said = await run('npm', ['pack', '--json', `${name}@${version}`], { cwd: work }).catch((error) => {
      throw new Unavailable(error.message)
    })
    const [packed] = JSON.parse(said)
    if (packed.integrity !== integrity) throw new Error(`${name}@${version} is not what it was: ${packed.integrity}`)
    await run('tar', ['-xf', packed.filename], { cwd: work })
    const done = join(work, 'done')
    await rename(join(work, 'package'), done)
    return done
  })
  return folder
}
