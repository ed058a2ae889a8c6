// A suite of Debian's archive, and fetching its packages without installing them.
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run, Unavailable, updateLists } from './debian.mjs'

/**
 * @typedef {object} Archive
 * @property {string[]} options what apt's programs need to see this archive
 * @property {() => Promise<void>} update fetches the package lists
 */

/** The machine's own sources. @type {Archive} */
export const machineArchive = { options: [], update: updateLists }

/**
 * A suite that the machine's sources need not name, from the mirror that they do name; apt's state for it is in
 * `folder`, and the machine's own stays as it is.
 * @param {string} suite
 * @param {string} folder
 * @param {string} [architecture] Debian's name of another processor, of whose packages none is installed
 * @returns {Promise<Archive>}
 */
export async function suiteArchive(suite, folder, architecture) {
  const mirror = await debianMirror()
  const list = join(folder, 'sources.list')
  for (const part of ['lists/partial', 'cache/archives/partial']) await mkdir(join(folder, part), { recursive: true })
  const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg'
  await writeFile(list, `deb [signed-by=${keyring}] ${mirror} ${suite} main\n`)
  const places = { 'Etc::SourceList': list, 'State::Lists': join(folder, 'lists'), Cache: join(folder, 'cache') }
  const options = [
    ...Object.entries(places).flatMap(([name, path]) => ['-o', `Dir::${name}=${path}`]),
    ...['-o', 'Dir::Etc::SourceParts=/dev/null', '-o', 'APT::Sandbox::User=root'],
    ...(architecture === undefined ? [] : await foreignOptions(architecture, join(folder, 'status'))),
  ]
  return {
    options,
    async update() {
      await run('apt-get', [...options, '-o', 'APT::Update::Error-Mode=any', 'update']).catch((error) => {
        throw new Unavailable(`the package lists of ${suite} could not be fetched: ${error.message}`)
      })
    },
  }
}

/** @param {string} architecture @param {string} status where apt looks for what is installed */
async function foreignOptions(architecture, status) {
  await writeFile(status, '')
  const values = [
    `APT::Architecture=${architecture}`,
    `APT::Architectures=${architecture}`,
    `Dir::State::status=${status}`,
  ]
  return values.flatMap((it) => ['-o', it])
}

/** Mirror that the machine's sources take Debian itself from: the entry for its own release. */
export async function debianMirror() {
  const codename = (await readFile('/etc/os-release', 'utf8')).match(/^VERSION_CODENAME="?(\w+)/m)?.[1]
  const targets = await run('apt-get', ['indextargets', '--format', '$(RELEASE) $(COMPONENT) $(REPO_URI)'])
  const prefix = `${codename} main `
  const target = targets.split('\n').find((line) => line.startsWith(prefix))
  if (!target) throw new Unavailable(`apt's sources name no mirror of Debian ${codename ?? '(no codename)'}`)
  return target.slice(prefix.length)
}

/**
 * A fresh container has no package lists: fetches them when `name` is unknown.
 * @param {Archive} archive
 * @param {string} name
 */
async function ensureLists({ options, update }, name) {
  const known = await run('apt-cache', [...options, 'show', name]).catch(() => '')
  if (known === '') await update()
}

/**
 * The newest package whose name matches, by the numbers in the name, and its version.
 * @param {Archive} archive
 * @param {string} pattern a regular expression of apt's
 * @param {string} known a package that any complete list has
 */
export async function newestPackage(archive, pattern, known) {
  await ensureLists(archive, known)
  const found = await run('apt-cache', [...archive.options, 'search', '--names-only', pattern])
  const names = found.split('\n').map((line) => line.split(' ')[0])
  const name = names.sort((a, b) => a.localeCompare(b, 'en', { numeric: true })).at(-1)
  if (!name) throw new Unavailable(`apt offers no package ${pattern}`)
  const described = await run('apt-cache', [...archive.options, 'show', '--no-all-versions', name])
  const version = described.match(/^Version: (.+)$/m)?.[1]
  if (!version) throw new Unavailable(`apt names no version of ${name}`)
  return { name, version }
}

/**
 * Fetches packages with all that they depend on and the machine does not have in `archive`'s eyes, and unpacks them.
 * @param {Archive} archive
 * @param {string[]} names
 * @param {string} into
 */
export async function unpackWithDependencies(archive, names, into) {
  await unpack(archive, await missingPackages(archive, names), into)
}

/**
 * Packages with what they depend on, less what is installed: apt would install these anew, and upgrade others, which
 * serve as they are.
 * @param {Archive} archive
 * @param {string[]} names
 */
async function missingPackages(archive, names) {
  await ensureLists(archive, names[0])
  const install = ['install', '--simulate', '--no-install-recommends', ...names]
  const said = await run('apt-get', [...archive.options, ...install])
  return Array.from(said.matchAll(/^Inst (\S+) \((\S+)/gm), ([, name, version]) => `${name}=${version}`)
}

/**
 * Fetches packages (`name` or `name=version`) and unpacks them under `into`; nothing is installed.
 * @param {Archive} archive
 * @param {string[]} packages
 * @param {string} into
 */
export async function unpack(archive, packages, into) {
  await ensureLists(archive, packages[0].split('=')[0])
  const archives = join(into, '.archives')
  await mkdir(archives, { recursive: true })
  const download = [...archive.options, '-o', 'APT::Sandbox::User=root', 'download', ...packages]
  await run('apt-get', download, { cwd: archives }).catch((error) => {
    throw new Unavailable(error.message)
  })
  for (const file of await readdir(archives)) await run('dpkg', ['-x', join(archives, file), into])
  await rm(archives, { recursive: true })
}
