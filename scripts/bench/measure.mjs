import { spawnSync } from 'node:child_process'

/**
 * Runs the commands in turn, round after round, so that what else the machine does falls on all of them alike. Gives
 * each one's times in milliseconds, round by round.
 * @param {Record<string, string[]>} commands
 * @param {number} rounds
 * @returns {Record<string, number[]>}
 */
export function measure(commands, rounds) {
  const times = Object.fromEntries(Object.keys(commands).map((name) => [name, []]))
  for (let round = -1; round < rounds; round++) {
    for (const [name, [file, ...args]] of Object.entries(commands)) {
      const start = performance.now()
      const { status, stderr, error } = spawnSync(file, args, { stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' })
      const took = performance.now() - start
      if (error) throw error
      if (status !== 0) throw new Error(`${name} ended with ${status}: ${stderr}`)
      // the round before the first fills caches
      if (round >= 0) times[name].push(took)
    }
  }
  return times
}

/** @param {number[]} values */
export function median(values) {
  const sorted = values.toSorted((a, b) => a - b)
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2
}
