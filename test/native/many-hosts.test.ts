import { expect, test } from 'vitest'
import { Host } from '../../src/host.ts'
import { createMockKernel } from '../../src/mock/kernel/mock-kernel.ts'
import { isSoak, tell } from '../soak.ts'

const hosts = isSoak ? 1000 : 30
const spec = {
  version: 1,
  bindings: [{ device: '82:00.0' }],
  parents: [{ parent: '41:00.0', devices: [{ type: 'L40S-24Q', count: 2 }] }],
}

/** Plans and applies the spec on a host of its own, which is then closed. */
async function setUpHost(): Promise<void> {
  const host = new Host(createMockKernel('gpu-host'))
  const { failed, done } = await host.apply(await host.plan(spec))
  expect([failed, done.length]).toEqual([[], 3])
  await host.close()
}

function heap(): number {
  if (globalThis.gc === undefined) throw new Error('run with --expose-gc')
  globalThis.gc()
  return process.memoryUsage().heapUsed
}

test(`${hosts} hosts one after the other, in one process, leave nothing of each behind`, {
  timeout: 600_000,
}, async () => {
  // compiled code grows for a while
  for (let done = 0; done < hosts / 3; done++) await setUpHost()
  const before = heap()
  for (let done = 0; done < hosts; done++) await setUpHost()
  const grown = Math.round((heap() - before) / hosts)
  tell(`${hosts} hosts planned and applied: the heap has grown by ${grown} bytes a host`)
  // a host that stays takes 200 KiB; code that is compiled meanwhile, 30 KiB a host in a short run
  expect(grown).toBeLessThan(isSoak ? 10 * 1024 : 100 * 1024)
})
