// Running Debian's programs, and installing the packages that a machine lacks.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

/** The machine lacks something this needs (root, apt, a network): a reason to skip, not a fault of the project. */
export class Unavailable extends Error {}

const execute = promisify(execFile)
// An ordinary user's PATH often lacks the folders that hold modprobe, depmod and mkfs.
const PATH = [process.env.PATH, '/usr/local/sbin', '/usr/sbin', '/sbin'].join(':')

/**
 * Runs a program to its end and returns its stdout; a failure's message ends with what the program said.
 * @param {string} file
 * @param {string[]} args
 * @param {{ cwd?: string, env?: Record<string, string> }} [options]
 */
export async function run(file, args, { cwd, env } = {}) {
  try {
    const options = { cwd, env: { ...process.env, PATH, LC_ALL: 'C', ...env }, maxBuffer: 64 * 1024 * 1024 }
    const { stdout } = await execute(file, args, options)
    return stdout
  } catch (error) {
    const said = String(error.stderr || error.stdout || error.message).trim()
    const lastLines = said.split('\n').slice(-15).join('\n')
    throw new Error(`${file} ${args.join(' ')} failed (${error.code ?? error.signal}):\n${lastLines}`, { cause: error })
  }
}

/** @param {string} file @param {string[]} args */
async function succeeds(file, args) {
  return run(file, args).then(
    () => true,
    () => false,
  )
}

/** @param {string} name */
async function isInstalled(name) {
  const status = await run('dpkg', ['-s', name]).catch(() => '')
  return /^Status: .* installed$/m.test(status)
}

/**
 * Installs those of the packages that the machine lacks.
 * @param {string[]} packages
 */
export async function ensureInstalled(packages) {
  if (!(await succeeds('dpkg-query', ['--version']))) throw new Unavailable('this is not a Debian system (no dpkg)')
  const missing = []
  for (const name of packages) if (!(await isInstalled(name))) missing.push(name)
  if (missing.length === 0) return
  const wanted = `apt-get install ${missing.join(' ')}`
  if (process.getuid?.() !== 0) throw new Unavailable(`not root and packages are missing: ${wanted}`)
  // A fresh container has no package lists.
  if (!(await succeeds('apt-cache', ['show', missing[0]]))) await updateLists()
  console.error(`installing ${missing.join(' ')}`)
  const install = ['-o', 'DPkg::Lock::Timeout=300', 'install', '-y', '--no-install-recommends', ...missing]
  await run('apt-get', install, { env: { DEBIAN_FRONTEND: 'noninteractive' } }).catch((error) => {
    throw new Unavailable(`${wanted} did not work: ${error.message}`)
  })
}

/** The machine's own package lists. */
export async function updateLists() {
  if (process.getuid?.() !== 0) throw new Unavailable('not root and package lists are missing: run apt-get update')
  await run('apt-get', ['-o', 'DPkg::Lock::Timeout=300', 'update']).catch((error) => {
    throw new Unavailable(`apt-get update did not work: ${error.message}`)
  })
}

// node scripts/vm/debian.mjs PACKAGE…: installs them; ends with 77 if this machine cannot.
if (process.argv[1] === import.meta.filename) {
  try {
    await ensureInstalled(process.argv.slice(2))
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error
    console.error(error.message)
    process.exitCode = 77
  }
}
