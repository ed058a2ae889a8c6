/**
 * @typedef {object} Case
 * @property {string} name
 * @property {Record<string, number>} times by contender, in nanoseconds for each time
 */

export const rounds = 15

/**
 * Runs the contenders in turn, round after round, and keeps each one's fastest: what else the machine does only ever
 * adds. A contender does its work as often as it is told, and returns nothing, or the nanoseconds for each time.
 * @param {string} name
 * @param {number} count such that a round is some milliseconds, less than the machine lets a process run on
 * @param {Record<string, (count: number) => unknown>} contenders
 * @returns {Promise<Case>}
 */
export async function sideBySide(name, count, contenders) {
  const times = Object.fromEntries(Object.keys(contenders).map((contender) => [contender, Number.POSITIVE_INFINITY]))
  for (let round = 0; round < rounds; round++) {
    for (const [contender, run] of Object.entries(contenders)) {
      // after a C program was started, each page that this process writes to for the first time is copied
      await run(Math.ceil(count / 10))
      const start = performance.now()
      const told = await run(count)
      const took = typeof told === 'number' ? told : ((performance.now() - start) * 1e6) / count
      times[contender] = Math.min(times[contender], took)
    }
  }
  return { name, times }
}
