import { spawnSync } from 'node:child_process'

/**
 * Runs the commands in turn, round after round, so that what else the machine does falls on all of them alike. Gives
 * each one's times in milliseconds, round by round.
 * @param {Record<string, string[]>} commands
 * @param {number} rounds
 * @param {(name: string) => void} [after] each run, outside its time
 * @returns {Record<string, number[]>}
 */
export function measure(commands, rounds, after = () => {}) {
  const times = Object.fromEntries(Object.keys(commands).map((name) => [name, []]))
  for (let round = -1; round < rounds; round++) {
    for (const [name, [file, ...args]] of Object.entries(commands)) {
      const start = performance.now()
      const { status, stderr, error } = spawnSync(file, args, { stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' })
      const took = performance.now() - start
      if (error) throw error
      if (status !== 0) throw new Error(`${name} ended with ${status}: ${stderr}`)
      after(name)
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

/**
 * Medians, and the median of the ratios within each round.
 * @param {Record<string, number[]>} times
 * @param {string} base
 */
export function showTimes(times, base) {
  for (const [name, values] of Object.entries(times)) {
    const ratio = median(values.map((value, round) => value / times[base][round]))
    console.log(`    ${name.padEnd(36)} ${median(values).toFixed(1).padStart(7)} ms  ${ratio.toFixed(2).padStart(5)} x`)
  }
}
