// node scripts/prebuild.mjs [DIRECTORY]: the addon for each processor that the package serves, compiled anew into a
// directory, or brought up to date in prebuilds/.
import { execFileSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join, resolve } from 'node:path'
import { buildAddon, buildAddonIn, builtIn, isUpToDate } from './build-addon.mjs'
import { symbolsAboveFloor } from './symbol-floor.mjs'
import { ensureInstalled, Unavailable } from './vm/debian.mjs'

const root = dirname(import.meta.dirname)

/** Debian's name for each processor, by Node's. */
const processors = { x64: 'x86_64', arm64: 'aarch64', s390x: 's390x' }

/**
 * Puts linux-PROCESSOR.node into a folder for each processor, and for this machine's own. One whose compiler cannot be
 * had is left out, and said on stderr.
 * @param {string} into
 * @param {string} [work] where to compile anew; else what is up to date in build/ is taken
 */
export async function prebuild(into, work) {
  rmSync(into, { recursive: true, force: true })
  mkdirSync(into, { recursive: true })
  for (const arch of new Set([process.arch, ...Object.keys(processors)])) {
    try {
      const { prefix, strip } = await toolsFor(arch)
      const addon = compile(arch, prefix, work)
      const raised = symbolsAboveFloor(addon)
      if (raised.length > 0)
        throw new Error(`${addon} needs newer libraries than the oldest hosts have: ${raised.join(' ')}`)
      // moved into place whole: a process may have the old one loaded
      const fresh = join(into, `.linux-${arch}-${process.pid}`)
      copyFileSync(addon, fresh)
      execFileSync(strip, ['--strip-unneeded', fresh])
      renameSync(fresh, join(into, `linux-${arch}.node`))
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error
      console.error(`left out: the addon for ${arch}: ${error.message}`)
    }
  }
}

/** The addon for another processor, up to date in build/. Throws Unavailable. @param {string} arch */
export async function crossCompiled(arch) {
  const { prefix } = await toolsFor(arch)
  return compile(arch, prefix)
}

/**
 * This machine's own compiler has no prefix; Debian's cross compilers are installed where they are lacking.
 * @param {string} arch
 */
export async function toolsFor(arch) {
  if (arch === process.arch) return { prefix: '', strip: 'strip' }
  const triplet = `${processors[arch]}-linux-gnu`
  const prefix = `${triplet}-`
  const folders = (process.env.PATH ?? '').split(delimiter)
  const isThere = (tool) => folders.some((folder) => existsSync(join(folder, `${prefix}${tool}`)))
  if (!['g++', 'strip'].every(isThere)) await ensureInstalled([`g++-${triplet.replace('_', '-')}`])
  return { prefix, strip: `${prefix}strip` }
}

/** Node-API is one for all processors, and so are the headers of this machine's Node. */
function compile(arch, prefix, work) {
  if (work === undefined && arch === process.arch) return buildAddon()
  const folder = join(work ?? join(root, 'build/prebuild'), arch)
  const done = builtIn(folder)
  if (work === undefined && isUpToDate(done)) return done
  const tools = { CC: `${prefix}gcc`, CXX: `${prefix}g++`, LINK: `${prefix}g++`, AR: `${prefix}ar` }
  return buildAddonIn(folder, [`--arch=${arch}`], tools)
}

/** @param {string} into */
async function prebuildAnew(into) {
  const work = mkdtempSync(join(tmpdir(), 'vfioctl-prebuild-'))
  try {
    await prebuild(into, work)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

if (process.argv[1] === import.meta.filename) {
  const [directory] = process.argv.slice(2)
  await (directory === undefined ? prebuild(join(root, 'prebuilds')) : prebuildAnew(resolve(directory)))
}
