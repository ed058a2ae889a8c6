// A device of the mock's started, opened, read, closed and stopped, again and again: `node --expose-gc mock-rounds.mjs
// ROUNDS` prints the time of each round in milliseconds, and the heap before the first and after the last, as JSON.
import { Host } from '../../dist/index.js'
import { createMockKernel } from '../../dist/mock/kernel/mock-kernel.js'
import { demo } from '../../dist/mock/shipped/demo.js'

const rounds = Number(process.argv[2])
// not a MockHost: that keeps a list of what was written, for tests to look at
const host = new Host(createMockKernel(demo))

async function round() {
  const start = performance.now()
  const { name } = await host.start({ parent: 'mtty', type: 'mtty-2' })
  const device = await host.openDevice(name)
  const id = device.regions.config.read32(0)
  device.close()
  await host.stop({ name })
  const took = performance.now() - start
  if (id !== 0x32534348) throw new Error(`mtty gave 0x${id.toString(16)} for its id`)
  return took
}

function heap() {
  globalThis.gc()
  return process.memoryUsage().heapUsed
}

// compiled code is on the heap too, and there is more of it for a long time
for (let done = 0; done < 2 * rounds; done++) await round()
const before = heap()
const times = []
for (let done = 0; done < rounds; done++) times.push(await round())
const after = heap()
await host[Symbol.asyncDispose]()
process.stdout.write(JSON.stringify({ times, before, after }))
