// Virtual machines side by side.
import { availableParallelism } from 'node:os'

/** A guest has one processor and 2 GiB of the host's memory (guest.mjs). */
const lanesAtMost = 2

/**
 * Receiver of a machine's words.
 * @typedef {object} Log
 * @property {(text: string | Buffer) => void} out
 * @property {(text: string | Buffer) => void} err
 */

/** @type {Log} */
export const live = {
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
}

/**
 * In the order given, as many at once as the host has processors for. What is beside others says its words in one piece,
 * when it has ended.
 * @template T
 * @param {readonly T[]} all
 * @param {(one: T, log: Log) => Promise<void>} run
 */
export async function inLanes(all, run) {
  const lanes = Math.min(all.length, availableParallelism(), lanesAtMost)
  const waiting = [...all]
  const runLane = async () => {
    for (let one = waiting.shift(); one !== undefined; one = waiting.shift()) {
      if (lanes === 1) await run(one, live)
      else await holding((log) => run(one, log))
    }
  }
  await Promise.all(Array.from({ length: lanes }, runLane))
}

/** @param {(log: Log) => Promise<void>} run */
async function holding(run) {
  /** @type {(string | Buffer)[]} */
  const held = []
  const hold = (/** @type {string | Buffer} */ text) => held.push(text)
  try {
    await run({ out: hold, err: hold })
  } finally {
    for (const text of held) process.stdout.write(text)
  }
}
