// A script of this folder in the virtual machine, and the JSON that it leaves.
import { dirname, join } from 'node:path'
import { Unavailable } from '../vm/debian.mjs'
import { outputsFolder, runInGuest } from '../vm/guest.mjs'

const root = dirname(dirname(import.meta.dirname))
const results = 'bench.json'
const timeout = 900

/**
 * Runs `node SCRIPT ARGS… RESULTS`, which writes its results to that file. Null, with the reason told, where the virtual
 * machine cannot be had.
 * @param {string} script
 * @param {...string} args
 */
export async function measureInGuest(script, ...args) {
  try {
    const { status, timedOut, outputs, console } = await runInGuest({
      command: [process.execPath, join(import.meta.dirname, script), ...args, `${outputsFolder}/${results}`],
      cwd: root,
      timeout,
      outputs: [results],
    })
    const json = outputs.get(results)?.toString()
    if (status === 0 && json !== undefined) return JSON.parse(json)
    const end = timedOut ? 'was not done in time' : `ended with ${status}`
    throw new Error(`${script} ${end}; the console said:\n${console}`)
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error
    console.log(`skipped: real devices in the virtual machine: ${error.message}`)
    return null
  }
}
