import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import { openLinux } from '../../src/kernel/linux.ts'
import { addonPath, runProgram } from './programs.ts'

function startWorker(name: string, workerData: object): Worker {
  return new Worker(join(import.meta.dirname, 'programs', name), { workerData })
}

describe('Workers', () => {
  it('end cleanly 100 times, two at once, where only they have loaded the addon', () => {
    expect(runProgram('terminate-workers.mjs', ['100'])).toEqual({
      status: 0,
      signal: null,
      stdout: '100 ended',
      stderr: '',
    })
  })

  it('survive the loss of their memory at the same time as each other and the main thread', async () => {
    const rounds = 2000
    const workers = [1, 2].map(() => startWorker('lose-memory.mjs', { addon: addonPath, rounds }))
    const answers = Promise.all(workers.map((worker) => once(worker, 'message')))
    const kernel = openLinux()
    const memory = kernel.allocateMemory({ size: 4096, kind: 'anonymous' })
    for (let i = 0; i < rounds; i++) memory.write32(0, memory.read32(0) + 1)
    expect(memory.read32(0)).toBe(rounds)
    memory.close()
    expect(await answers).toEqual([[{ lost: rounds, back: rounds }], [{ lost: rounds, back: rounds }]])
  })

  it('give back their mappings when they are terminated', async () => {
    const before = readdirSync('/proc/self/fd').length
    for (let i = 0; i < 5; i++) {
      const worker = startWorker('hold-memory.mjs', { addon: addonPath })
      await once(worker, 'message')
      await worker.terminate()
    }
    expect(readdirSync('/proc/self/fd').length).toBeLessThanOrEqual(before)
  })
})
