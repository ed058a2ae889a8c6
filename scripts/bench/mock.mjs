// The mock, round after round: what a round costs, and that the last ones cost no more than the first.
import { median } from './measure.mjs'
import { measureInOwnProcess } from './own-process.mjs'

const rounds = 1000
const some = 100
/** Of the last rounds over the first; the machine's own unrest is part of it. */
const maxGrowth = 1.25
/** A few hundred bytes kept for each round would pass it. */
const maxHeap = 256 * 1024

export function benchMock() {
  const options = { args: [String(rounds)], nodeOptions: ['--expose-gc'], timeoutSeconds: 600 }
  const { times, before, after } = measureInOwnProcess('mock-rounds.mjs', options)
  const first = median(times.slice(0, some))
  const last = median(times.slice(-some))
  console.log(`\nThe mock: ${rounds} rounds of start, open, read, close and stop`)
  console.log(`  ${median(times).toFixed(2)} ms a round (median)`)
  const growth = last / first
  const verdict = (isReached) => (isReached ? 'reached' : 'not reached')
  const grown = `${first.toFixed(2)} ms in the first ${some}, ${last.toFixed(2)} ms in the last: ${growth.toFixed(2)} x`
  console.log(`  ${grown}; at most ${maxGrowth} x: ${verdict(growth <= maxGrowth)}`)
  const kept = after - before
  const heaps = [before, after].map((bytes) => `${(bytes / 2 ** 20).toFixed(2)} MiB`).join(' before, ')
  console.log(`  heap ${heaps} after; at most ${maxHeap / 1024} KiB more: ${verdict(kept <= maxHeap)}`)
}
