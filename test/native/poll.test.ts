import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import { loadAddon } from '../../src/kernel/addon.ts'
import { openLinux } from '../../src/kernel/linux.ts'
import { addonPath, runProgram } from './programs.ts'

const kernel = openLinux()

function poll(fds: readonly number[], timeoutMs = 0): { result: number; ready: number[] } {
  const ready = new Uint8Array(fds.length).fill(9)
  const result = kernel.poll(Int32Array.from(fds), ready, timeoutMs)
  return { result, ready: [...ready] }
}

describe('poll', () => {
  it('tells which descriptors can be read, without reading them', () => {
    const fds = [kernel.eventfd(0), kernel.eventfd(3), kernel.eventfd(0), kernel.eventfd(1)]
    for (let twice = 0; twice < 2; twice++) expect(poll(fds, 1000)).toEqual({ result: 2, ready: [0, 1, 0, 1] })
    for (const fd of fds) kernel.close(fd)
  })

  it('answers 0 when the time is up, and for no descriptors', () => {
    const fd = kernel.eventfd(0)
    const before = performance.now()
    expect(poll([fd], 30)).toEqual({ result: 0, ready: [0] })
    expect(performance.now() - before).toBeGreaterThanOrEqual(29)
    expect(poll([])).toEqual({ result: 0, ready: [] })
    kernel.close(fd)
  })

  it('says at once that a closed descriptor has something to tell', () => {
    const fd = kernel.eventfd(0)
    kernel.close(fd)
    expect(poll([fd], 10_000)).toEqual({ result: 1, ready: [1] })
  })

  it('is woken by another thread', async () => {
    const fd = kernel.eventfd(0)
    const code = `const { workerData, parentPort } = require('node:worker_threads')
      const module = { exports: {} }
      process.dlopen(module, workerData.addon)
      parentPort.postMessage('ready')
      setTimeout(() => module.exports.write(workerData.fd, Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0)), 100)`
    const worker = new Worker(code, { eval: true, workerData: { addon: addonPath, fd } })
    await once(worker, 'message')
    expect(poll([fd], 60_000)).toEqual({ result: 1, ready: [1] })
    await worker.terminate()
    kernel.close(fd)
  })

  it('waits on where signals come meanwhile', () => {
    expect(runProgram('poll-through-signals.mjs')).toMatchObject({ status: 0, stdout: 'waited' })
  })

  it('refuses what is no array of descriptors, no time, and an answer of another length', () => {
    const addon = loadAddon()
    const call = (...args: unknown[]) => Reflect.apply(addon.poll, undefined, args)
    for (const bad of [undefined, [1], new Uint8Array(1), new Uint32Array(1), 'x']) {
      expect(() => call(bad, new Uint8Array(1), 0)).toThrow(TypeError)
    }
    for (const bad of [undefined, [1], new Int32Array(1), 5]) {
      expect(() => call(new Int32Array(1), bad, 0)).toThrow(TypeError)
    }
    expect(() => call(new Int32Array(2), new Uint8Array(1), 0)).toThrow(RangeError)
    expect(() => call(new Int32Array(0), new Uint8Array(1), 0)).toThrow(RangeError)
    for (const bad of [-1, 0.5, Number.NaN, 2 ** 31, Number.POSITIVE_INFINITY]) {
      expect(() => call(new Int32Array(0), new Uint8Array(0), bad)).toThrow(RangeError)
    }
  })
})

describe('a Worker that is terminated', () => {
  it('gives back the eventfds it made', async () => {
    const before = readdirSync('/proc/self/fd').length
    const program = join(import.meta.dirname, 'programs/hold-eventfds.mjs')
    for (let i = 0; i < 5; i++) {
      const worker = new Worker(program, { workerData: { addon: addonPath } })
      await once(worker, 'message')
      expect(readdirSync('/proc/self/fd').length).toBeGreaterThanOrEqual(before + 20)
      await worker.terminate()
    }
    expect(readdirSync('/proc/self/fd').length).toBeLessThanOrEqual(before)
  })
})
