// The library's calls: measured on this machine, and in the virtual machine, in processes that have an end.
import { dirname, join } from 'node:path'
import { Unavailable } from '../vm/debian.mjs'
import { outputsFolder, runInGuest } from '../vm/guest.mjs'
import { compileCalls } from './c-program.mjs'
import { measureInOwnProcess } from './own-process.mjs'
import { showGrowth, showSideBySide, showTargets } from './report.mjs'

const root = dirname(dirname(import.meta.dirname))
const results = 'bench.json'
const timeoutSeconds = 900

/** @param {string} scratch */
export async function benchCalls(scratch) {
  const calls = compileCalls(scratch)
  const bare = measureInOwnProcess('bare.mjs', { args: [calls], timeoutSeconds })
  showSideBySide(
    'This machine, without VFIO: files in the place of regions, eventfds in the place of interrupts',
    bare.cases,
  )
  showGrowth(bare.allocator)
  const guest = await measureInGuest(calls)
  if (guest !== null) {
    showSideBySide(
      `Linux ${guest.kernel} in QEMU, real devices. Its processor is emulated: that makes what runs in user space, above all` +
        ' JavaScript, many times slower and system calls less so; the ratios tell of QEMU more than of the library',
      guest.cases,
    )
  }
  showTargets(bare, guest)
}

/** Null, with the reason told, where the virtual machine cannot be had. */
async function measureInGuest(calls) {
  try {
    const script = join(import.meta.dirname, 'in-guest.mjs')
    const { status, timedOut, outputs, console } = await runInGuest({
      command: [process.execPath, script, calls, `${outputsFolder}/${results}`],
      cwd: root,
      timeout: timeoutSeconds,
      outputs: [results],
    })
    const json = outputs.get(results)
    if (status === 0 && json !== undefined) return JSON.parse(json)
    throw new Error(
      `in-guest.mjs ${timedOut ? 'was not done in time' : `ended with ${status}`}; the console said:\n${console}`,
    )
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error
    console.log(`skipped: real devices in the virtual machine: ${error.message}`)
    return null
  }
}
