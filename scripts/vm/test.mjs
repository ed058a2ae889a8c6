// npm run test:vm -- [--kernel NAME] [VITEST ARGS…]: the contract and vm tests on a real kernel.
import { dirname } from 'node:path'
import { setup } from '../setup.mjs'
import { countVitest } from '../test-counts.mjs'
import { outputsFolder, runInGuest } from './guest.mjs'
import { defaultKernel } from './kernels.mjs'

const root = dirname(dirname(import.meta.dirname))
const report = 'vitest.json'
const timeout = 900

/**
 * A test can take the whole machine with it: the verbose reporter has then named every test that ended before.
 * One worker for all files, one after the other: they share one kernel's devices, and a worker takes the emulated
 * processor 1 to 2 s to start.
 * @param {string} [kernel]
 * @param {string[]} [vitestArgs]
 * @returns {Promise<import('../test-counts.mjs').Counts>}
 */
export async function testInGuest(kernel = defaultKernel, vitestArgs = []) {
  const result = await runInGuest({
    command: [
      ...[process.execPath, 'node_modules/vitest/vitest.mjs', 'run', '--config', 'test/vitest.config.ts'],
      ...['--project', 'contract', '--project', 'vm', '--no-isolate', '--no-file-parallelism'],
      ...['--reporter=verbose', '--reporter=json', `--outputFile.json=${outputsFolder}/${report}`],
      ...vitestArgs,
    ],
    cwd: root,
    kernel,
    timeout,
    env: process.stdout.isTTY ? { FORCE_COLOR: '1' } : { NO_COLOR: '1' },
    outputs: [report],
  })
  const json = result.outputs.get(report)
  if (json !== undefined) return countVitest(json)
  const end = endOf(result)
  console.error(`vitest in the virtual machine: ${end}; the console said:\n${result.console}`)
  return { passed: 0, failed: [`tests on kernel ${kernel}: ${end}`], skipped: [] }
}

/** @param {import('./guest.mjs').Result} result */
function endOf({ status, timedOut, console }) {
  if (timedOut) return `not done after ${timeout} s`
  if (status !== undefined) return `ended with ${status} and left no report`
  return console.match(/BUG: .*|Kernel panic.*/)?.[0] ?? 'the machine ended before they did'
}

async function main() {
  const words = process.argv.slice(2)
  const [kernel, vitestArgs] = words[0] === '--kernel' ? [words[1], words.slice(2)] : [defaultKernel, words]
  await setup({ vm: true })
  const { passed, failed, skipped } = await testInGuest(kernel, vitestArgs)
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
