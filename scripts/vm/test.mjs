// npm run test:vm [-- [--arch NAME] [--smoke] [--iommu NAME] [--kernel NAME…] [--twice] [--] VITEST ARGS…]: the contract
// and vm tests on real kernels. With VFIOCTL_LONG=1, those of them that have a long run (test/soak.ts) make it.
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { contractReport } from '../agreement.mjs'
import { setup } from '../setup.mjs'
import { countVitest } from '../test-counts.mjs'
import { architectures } from './architectures.mjs'
import { chooseBoots, contract } from './boots.mjs'
import { bundleTests } from './bundle-tests.mjs'
import { Unavailable } from './debian.mjs'
import { outputsFolder, runInGuest } from './guest.mjs'
import { kernels as recipes } from './kernels.mjs'
import { inLanes } from './lanes.mjs'
import { leadingOptions } from './leading-options.mjs'
import { newerQemuFolder } from './newer-qemu.mjs'
import { prepare } from './prepare.mjs'
import { variantDriver } from './variant-driver.mjs'

/** @typedef {import('../test-counts.mjs').Counts} Counts */
/** @typedef {import('./boots.mjs').Boot} Boot */
/** @typedef {import('./lanes.mjs').Log} Log */

const root = dirname(dirname(import.meta.dirname))
const report = 'vitest.json'
/** Name of the archive that the first of two boots leaves to the second. */
const etcFile = 'etc.tar'
/** Of one boot, in seconds: some times what it takes on a machine that does nothing else. */
const timeouts = { once: 7200, eachOfTwo: 600, long: 36_000 }
/** Variables of the caller's environment that the tests get. */
const heard = ['VFIOCTL_LONG', 'VFIOCTL_SEED', 'VFIOCTL_SEQUENCES']

/** Arguments of vitest, for the tests as they are or as bundle-tests.mjs has made them. */
const transformed = ['--config', 'test/vitest.config.ts', '--project', 'contract', '--project', 'vm']
const bundled = ['--config', 'scripts/vm/guest-vitest.mjs', '--configLoader', 'native']

/**
 * All of `npm test`'s boots, those of another processor, or all tests on some kernels.
 * @param {object} [options]
 * @param {string} [options.arch] `all` for every processor, one after the other
 * @param {string} [options.iommu] one of the processor's (architectures.mjs); the first unless told
 * @param {boolean} [options.smoke] of another processor, what differs most
 * @param {string[]} [options.kernels]
 * @param {string[]} [options.vitestArgs] in place of each boot's own choice of files
 * @param {boolean} [options.twice] only the tests of a machine that is booted again
 * @param {boolean} [options.mayLack] a kernel that this machine cannot be given is a skip, not a failure
 * @returns {Promise<Counts>}
 */
export async function testOnKernels({
  arch = 'x64',
  iommu = undefined,
  smoke = false,
  kernels = [],
  vitestArgs = [],
  twice = false,
  mayLack = false,
} = {}) {
  const chosen = chooseBoots({ arch, iommu, smoke, kernels, twice })
  /** @type {Counts} */
  const total = { passed: 0, failed: [], skipped: [] }
  /** @param {Boot} boot @param {Counts} counts */
  const add = (boot, { passed, failed, skipped }) => {
    total.passed += passed
    total.failed.push(...failed.map((it) => `${nameOf(boot)}: ${it}`))
    total.skipped.push(...skipped.map((it) => `${nameOf(boot)}: ${it}`))
  }
  /** @type {Boot[]} */
  const waiting = []
  // One after the other: boots of one kernel share what is prepared, and a compiler takes every processor.
  for (const boot of chosen) {
    try {
      await prepare(boot.kernel)
      waiting.push(boot)
    } catch (error) {
      const isLack = error instanceof Unavailable && mayLack
      add(boot, { passed: 0, failed: isLack ? [] : [error.message], skipped: isLack ? [error.message] : [] })
    }
  }
  if (waiting.some(({ kernel }) => isForeign(kernel))) await bundleTests()
  await inLanes(waiting, async (boot, log) => {
    const counts = await (boot.twice ? testTwice(boot, log) : testOnce(boot, vitestArgs, log)).catch((error) => {
      return { passed: 0, failed: [error.message], skipped: [] }
    })
    add(boot, counts)
  })
  return total
}

/** @param {Boot} boot */
function nameOf({ kernel, iommu, twice = false }) {
  const which = iommu === undefined ? '' : iommu === 'none' ? ' without IOMMU' : ` with the IOMMU ${iommu}`
  return `kernel ${kernel}${which}${twice ? ', booted twice' : ''}`
}

/** @param {Boot} boot @param {string[]} vitestArgs @param {Log} log */
async function testOnce(boot, vitestArgs, log) {
  const { counts } = await testInGuest(boot, vitestArgs, log)
  return counts
}

/**
 * @param {Boot} boot
 * @param {Log} log
 * @returns {Promise<Counts>}
 */
async function testTwice(boot, log) {
  const before = await testInGuest(boot, ['test/vm/reboot/before'], log, { half: 'before' })
  if (before.etc === undefined) return before.counts
  const { counts } = await testInGuest(boot, ['test/vm/reboot/after'], log, { half: 'after', etc: before.etc })
  return {
    passed: before.counts.passed + counts.passed,
    failed: [...before.counts.failed, ...counts.failed],
    skipped: [...before.counts.skipped, ...counts.skipped],
  }
}

/**
 * A test can take the whole machine with it: the verbose reporter has then named every test that ended before.
 * One worker for all files, one after the other: they share one kernel's devices, and a worker takes the emulated
 * processor 1 to 2 s to start.
 * @param {Boot} boot
 * @param {string[]} vitestArgs
 * @param {Log} log
 * @param {{ half?: 'before' | 'after', etc?: Buffer }} [reboot]
 * @returns {Promise<{ counts: Counts, etc?: Buffer | undefined }>}
 */
async function testInGuest(boot, vitestArgs, log, { half, etc } = {}) {
  const { kernel, iommu, twice = false, files = [] } = boot
  const chosen = vitestArgs.length > 0 ? vitestArgs : files
  const once = process.env.VFIOCTL_LONG === '1' ? timeouts.long : timeouts.once
  const timeout = twice ? timeouts.eachOfTwo : once
  const title = `${nameOf(boot)}${chosen.length > 0 ? `: ${chosen.join(' ')}` : ''}`
  log.out(`\n--- ${title}\n`)
  const start = performance.now()
  const variant = await builtVariant(kernel, log)
  const result = await runInGuest({
    command: [
      ...[isForeign(kernel) ? 'node' : process.execPath, ...(architectures[recipes[kernel].arch].nodeOptions ?? [])],
      ...['node_modules/vitest/vitest.mjs', 'run'],
      ...(isForeign(kernel) ? bundled : transformed),
      ...['--no-isolate', '--no-file-parallelism'],
      ...['--reporter=verbose', '--reporter=json', `--outputFile.json=${outputsFolder}/${report}`],
      ...(isForeign(kernel) ? chosen.map(asBundled) : chosen),
    ],
    cwd: root,
    kernel,
    iommu,
    systemd: twice,
    ...(etc ? { etc } : {}),
    timeout,
    env: {
      // one that knows iommufd; the guest has this machine's files
      ...(kernel === '7' ? { VFIOCTL_NEWER_QEMU: await newerQemuFolder() } : {}),
      ...(process.stdout.isTTY ? { FORCE_COLOR: '1' } : { NO_COLOR: '1' }),
      ...(half ? { VFIOCTL_REBOOT: half } : {}),
      ...(variant === null ? {} : { VFIOCTL_VARIANT_DRIVER: variant }),
      ...Object.fromEntries(Object.entries(process.env).filter(([name]) => heard.includes(name))),
    },
    outputs: [report, etcFile],
    log,
  })
  log.out(`--- ${title}: ${((performance.now() - start) / 1000).toFixed(0)} s\n`)
  const json = result.outputs.get(report)?.toString()
  if (json !== undefined) {
    if (holdsContract(files, vitestArgs)) {
      keepReport(
        contractReport(`linux-${kernel}${iommu === undefined ? '' : iommu === 'none' ? '-noiommu' : `-${iommu}`}`),
        json,
      )
    }
    return { counts: countVitest(json), etc: result.outputs.get(etcFile) }
  }
  const end = result.timedOut ? `not done after ${timeout} s` : endOf(result)
  log.err(`vitest in the virtual machine: ${end}; the console said:\n${result.console}\n`)
  return { counts: { passed: 0, failed: [`the tests: ${end}`], skipped: [] } }
}

/** The file of a driver of VFIO for edu; null if there is none for that kernel. @param {string} kernel @param {Log} log */
async function builtVariant(kernel, log) {
  try {
    return await variantDriver(await prepare(kernel))
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error
    log.err(`no driver of VFIO for edu: ${error.message}\n`)
    return null
  }
}

/** A test is asked for by its source. @param {string} word */
function asBundled(word) {
  return word.replace(/\.ts$/, '.mjs')
}

/** A guest of another processor has its own Node, and takes minutes to transform tests. @param {string} kernel */
function isForeign(kernel) {
  return recipes[kernel].arch !== process.arch
}

/** If a run is a machine's report of the contract tests: its own choice of them, or the whole suite, named. @param {string[]} files @param {string[]} vitestArgs */
function holdsContract(files, vitestArgs) {
  if (vitestArgs.length > 0) return vitestArgs.some((it) => it === contract || `${it}/` === contract)
  return files.length === 0 || files.some((it) => it.startsWith(contract))
}

/** For the table of scripts/agreement.mjs. @param {string} file @param {string} json */
function keepReport(file, json) {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, json)
}

/** @param {import('./guest.mjs').Result} result */
function endOf({ status, console }) {
  if (status !== undefined) return `ended with ${status} and left no report`
  return console.match(/BUG: .*|Kernel panic.*/)?.[0] ?? 'the machine ended before they did'
}

const options = /** @type {const} */ ({
  arch: { type: 'string', default: 'x64' },
  iommu: { type: 'string' },
  smoke: { type: 'boolean', default: false },
  kernel: { type: 'string', multiple: true, default: [] },
  twice: { type: 'boolean', default: false },
})

async function main() {
  const { values, rest } = leadingOptions(process.argv.slice(2), options)
  await setup()
  const { passed, failed, skipped } = await testOnKernels({
    arch: values.arch,
    iommu: values.iommu,
    smoke: values.smoke,
    kernels: values.kernel,
    twice: values.twice,
    vitestArgs: rest,
  })
  for (const name of failed) console.log(`failed: ${name}`)
  console.log(`${passed} passed, ${failed.length} failed, ${skipped.length} skipped`)
  return failed.length > 0 ? 1 : 0
}

if (process.argv[1] === import.meta.filename) {
  try {
    process.exitCode = await main()
  } catch (error) {
    console.error(`test:vm: ${error.message}`)
    process.exitCode = 1
  }
}
