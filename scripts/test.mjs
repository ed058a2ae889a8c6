// npm test [-- PHASE…]: sets up, runs every phase or those named, and ends with one line of counts. With VFIOCTL_LONG=1,
// the tests that look for leaks and feed parsers run for long (test/soak.ts).
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { contractReport } from './agreement.mjs'
import { check } from './check.mjs'
import { setup } from './setup.mjs'
import { countVitest } from './test-counts.mjs'
import { newestHeaders } from './vm/prepare.mjs'
import { testOnKernels } from './vm/test.mjs'

/** @typedef {import('./test-counts.mjs').Counts} Counts */

const root = dirname(import.meta.dirname)
const inCI = !['', 'false', '0'].includes(process.env.CI ?? '')

/** @type {Record<string, () => Counts | Promise<Counts>>} */
const phases = {
  check: checkSource,
  unit: () => vitest('unit'),
  contract: contractOnMocks,
  cli: () => vitest('cli'),
  package: () => vitest('package'),
  emulated: () => vitest('emulated'),
  native: () => vitest('native'),
  sanitize,
  vm: () => testOnKernels({ mayLack: !inCI }),
  abi,
}

async function checkSource() {
  const results = await check()
  const failed = results.filter((it) => !it.passed).map((it) => it.name)
  return { passed: results.length - failed.length, failed, skipped: [] }
}

/** As each kernel that the mock can be: the tests of one share nothing but the process. */
function contractOnMocks() {
  const runs = [
    { kernel: 'mock-6.1' },
    { kernel: 'mock-6.12' },
    { kernel: 'mock-6.12-16k' },
    { kernel: 'mock-7' },
    { kernel: 'mock-7-64k', files: ['address-space', 'region/', 'features'] },
    { kernel: 'mock-6.1-big-endian' },
    { kernel: 'mock-7-noiommu', files: ['noiommu'] },
    { kernel: 'mock-7-mainframe-big-endian', files: ['contract/ccw'] },
  ]
  /** @type {Counts} */
  const total = { passed: 0, failed: [], skipped: [] }
  for (const { kernel, files = [] } of runs) {
    console.log(`\n--- ${kernel}`)
    const { passed, failed, skipped } = vitest('contract', {
      env: { VFIOCTL_TEST_KERNEL: kernel },
      args: ['--no-isolate', ...files],
      report: contractReport(kernel),
    })
    total.passed += passed
    total.failed.push(...failed.map((it) => `${kernel}: ${it}`))
    total.skipped.push(...skipped.map((it) => `${kernel}: ${it}`))
  }
  return total
}

/** After the virtual machine's tests: those leave newer headers than the system's at hand. */
function abi() {
  const headers = newestHeaders()
  return vitest('abi', { env: headers ? { VFIOCTL_KERNEL_HEADERS: headers } : {} })
}

/**
 * @param {string} project
 * @param {{ env?: Record<string, string>, args?: string[], report?: string }} [options] where the report is left
 */
function vitest(project, { env = {}, args = [], report = join(root, 'build', `test-${project}.json`) } = {}) {
  mkdirSync(dirname(report), { recursive: true })
  rmSync(report, { force: true })
  const { status, signal, error } = node(
    [
      ...['node_modules/vitest/vitest.mjs', 'run', '--config', 'test/vitest.config.ts', '--project', project, ...args],
      ...['--reporter=default', '--reporter=json', `--outputFile.json=${report}`],
    ],
    env,
  )
  if (!existsSync(report)) throw error ?? new Error(`vitest ended with ${status ?? signal} and left no report`)
  return countVitest(readFileSync(report, 'utf8'))
}

/** The sanitized addon passes the native tests without a report: one fact, so one test. */
function sanitize() {
  const name = 'native tests under AddressSanitizer, UBSan and LeakSanitizer'
  return node(['scripts/sanitize.mjs']).status === 0
    ? { passed: 1, failed: [], skipped: [] }
    : { passed: 0, failed: [name], skipped: [] }
}

/** @param {string[]} args @param {Record<string, string>} [env] */
function node(args, env) {
  const options = { cwd: root, env: { ...process.env, ...env }, stdio: ['ignore', 'inherit', 'inherit'] }
  return spawnSync(process.execPath, args, /** @type {const} */ (options))
}

/**
 * A phase that breaks is one failure under the phase's name; the others still run.
 * @param {string} name
 * @param {() => void | Counts | Promise<void | Counts>} phase
 * @returns {Promise<Counts>}
 */
async function runPhase(name, phase) {
  console.log(`\n=== ${name}`)
  const start = performance.now()
  let counts = { passed: 0, failed: [], skipped: [] }
  try {
    counts = (await phase()) ?? counts
  } catch (error) {
    console.log(`${name} broke: ${error.message}`)
    counts.failed.push(`${name} broke: ${error.message.split('\n')[0]}`)
  }
  console.log(`=== ${name}: ${summary(counts)} in ${((performance.now() - start) / 1000).toFixed(1)} s`)
  return counts
}

/** @param {Counts} counts */
function summary({ passed, failed, skipped }) {
  return `${passed} passed, ${failed.length} failed, ${skipped.length} skipped`
}

async function main() {
  const named = process.argv.slice(2)
  const unknown = named.filter((it) => !Object.hasOwn(phases, it))
  if (unknown.length > 0) {
    console.error(`test: no phase ${unknown.join(', ')}; there are ${Object.keys(phases).join(', ')}`)
    return 2
  }
  /** @type {Counts} */
  const total = { passed: 0, failed: [], skipped: [] }
  /** @param {Counts} counts */
  const add = ({ passed, failed, skipped }) => {
    total.passed += passed
    total.failed.push(...failed)
    total.skipped.push(...skipped)
  }
  add(await runPhase('setup', () => setup()))
  if (total.failed.length === 0) {
    const chosen = named.length > 0 ? named : Object.keys(phases)
    for (const name of chosen) add(await runPhase(name, phases[name]))
  }
  console.log()
  for (const name of total.skipped) console.log(`skipped: ${name}`)
  for (const name of total.failed) console.log(`failed: ${name}`)
  console.log(summary(total))
  return total.failed.length > 0 ? 1 : 0
}

process.exitCode = await main()
