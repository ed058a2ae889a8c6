// The cache, in the user's home: everything that takes long to make is made once.
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rename, rm, stat, utimes } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'

export const cacheFolder = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'vfioctl', 'vm')

/**
 * A folder's name that changes when anything that decides the folder's content changes: comments decide nothing.
 * @param {string[]} files of this folder
 * @param {object} facts that go into JSON
 */
export function hashedName(files, facts = {}) {
  const hash = createHash('sha256').update(JSON.stringify(facts))
  for (const file of files) {
    const text = readFileSync(join(import.meta.dirname, file), 'utf8')
    hash.update(file.endsWith('.mjs') ? text.replace(/^ *(?:\/\*\*|\*|\/\/).*\n/gm, '') : text)
  }
  return hash.digest('hex').slice(0, 12)
}

/**
 * Makes the folder if it is not there, by moving into place what `make` leaves in a folder inside the one it is given.
 * @param {string} folder
 * @param {(work: string) => Promise<string>} make
 */
export async function cached(folder, make) {
  const home = dirname(folder)
  if (!existsSync(folder)) {
    const work = await privateFolder(home)
    try {
      await publish(await make(work), folder)
    } finally {
      await rm(work, { recursive: true, force: true })
    }
    await removeStale(home)
  }
  const now = new Date()
  await utimes(folder, now, now)
}

/**
 * A folder for this process alone; the next process to come by removes it if this one could not.
 * @param {string} parent
 */
export async function privateFolder(parent) {
  await mkdir(parent, { recursive: true })
  for (const entry of await readdir(parent)) {
    const pid = entry.match(/^\.(\d+)-/)?.[1]
    if (pid && !existsSync(`/proc/${pid}`)) await rm(join(parent, entry), { recursive: true, force: true })
  }
  return mkdtemp(join(parent, `.${process.pid}-`))
}

/**
 * Folders that recipes of the past left: nobody used them for a week.
 * @param {string} home
 */
async function removeStale(home) {
  for (const entry of await readdir(home)) {
    const folder = join(home, entry)
    const { mtimeMs } = await stat(folder)
    if (Date.now() - mtimeMs > 7 * 24 * 3600 * 1000) await rm(folder, { recursive: true, force: true })
  }
}

/**
 * Another run may have finished the same work in the meantime; its result serves as well.
 * @param {string} done
 * @param {string} folder
 */
async function publish(done, folder) {
  await rename(done, folder).catch((error) => {
    if (!existsSync(folder)) throw error
  })
}
