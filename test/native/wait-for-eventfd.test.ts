import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import { loadAddon } from '../../src/kernel/addon.ts'
import { openLinux } from '../../src/kernel/linux.ts'
import { addonPath, runProgram } from './programs.ts'

const kernel = openLinux()

function wait(fds: readonly number[], { first = 0, timeoutMs = 0 } = {}): { index: number; counter: number } {
  const counter = new Float64Array([9])
  const index = kernel.waitForEventfd(Int32Array.from(fds), first, timeoutMs, counter)
  return { index, counter: counter[0] ?? Number.NaN }
}

const nothing = { index: -1, counter: 9 }

describe('waiting for an eventfd', () => {
  it('reads the one that was signalled, whose counter starts at 0 again', () => {
    const fds = [kernel.eventfd(0), kernel.eventfd(3), kernel.eventfd(0), kernel.eventfd(1)]
    expect(wait(fds, { timeoutMs: 1000 })).toEqual({ index: 1, counter: 3 })
    expect(wait(fds, { timeoutMs: 1000 })).toEqual({ index: 3, counter: 1 })
    expect(wait(fds)).toEqual(nothing)
    for (const fd of fds) kernel.close(fd)
    const alone = kernel.eventfd(2 ** 32 - 1)
    expect(wait([alone])).toEqual({ index: 0, counter: 2 ** 32 - 1 })
    expect(wait([alone])).toEqual(nothing)
    kernel.close(alone)
  })

  it('begins to look where it is told, and goes around', () => {
    const fds = [1, 2, 3].map((initial) => kernel.eventfd(initial))
    expect([1, 1, 1].map((first) => wait(fds, { first }).counter)).toEqual([2, 3, 1])
    const again = kernel.eventfd(4)
    expect(wait([...fds, again], { first: 7 })).toEqual({ index: 3, counter: 4 })
    for (const fd of [...fds, again]) kernel.close(fd)
  })

  it('ends when the time is up, also without eventfds', () => {
    const fd = kernel.eventfd(0)
    for (const fds of [[fd], [fd, fd], []]) {
      const before = performance.now()
      expect(wait(fds, { timeoutMs: 30 })).toEqual(nothing)
      expect(performance.now() - before).toBeGreaterThanOrEqual(29)
    }
    kernel.close(fd)
  })

  it('fails at once for a closed descriptor', () => {
    const [open, closed] = [kernel.eventfd(0), kernel.eventfd(0)]
    kernel.close(closed)
    const error = expect.objectContaining({ code: 'EBADF', syscall: 'read' })
    expect(() => wait([closed], { timeoutMs: 10_000 })).toThrow(error)
    expect(() => wait([open, closed], { timeoutMs: 10_000 })).toThrow(error)
    kernel.close(open)
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
    expect(wait([fd], { timeoutMs: 60_000 })).toEqual({ index: 0, counter: 1 })
    await worker.terminate()
    kernel.close(fd)
  })

  it('waits on where signals come meanwhile', () => {
    expect(runProgram('wait-through-signals.mjs')).toMatchObject({ status: 0, stdout: 'waited' })
  })

  it('refuses what is no array of descriptors, no index, no time, and no place for the counter', () => {
    const addon = loadAddon()
    const counter = new Float64Array(1)
    const call = (...args: unknown[]) => Reflect.apply(addon.waitForEventfd, undefined, args)
    for (const bad of [undefined, [1], new Uint8Array(1), new Uint32Array(1), 'x']) {
      expect(() => call(bad, 0, 0, counter)).toThrow(TypeError)
    }
    for (const bad of [undefined, [1], new Float64Array(0), new Float32Array(1), 5]) {
      expect(() => call(new Int32Array(1), 0, 0, bad)).toThrow(TypeError)
    }
    for (const bad of [-1, 0.5, Number.NaN, 2 ** 32]) {
      expect(() => call(new Int32Array(0), bad, 0, counter)).toThrow(RangeError)
    }
    for (const bad of [-1, 0.5, Number.NaN, 2 ** 31, Number.POSITIVE_INFINITY]) {
      expect(() => call(new Int32Array(0), 0, bad, counter)).toThrow(RangeError)
    }
  })
})

describe('a Worker that waits for long', () => {
  it.each(['terminate', 'exit'])('does not keep %s from its end', (end) => {
    const before = performance.now()
    expect(runProgram('wait-in-worker.mjs', [end])).toMatchObject({ status: 0, stdout: 'ended' })
    expect(performance.now() - before).toBeLessThan(30_000)
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
