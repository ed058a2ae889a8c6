import { execFileSync } from 'node:child_process'
import { closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { loadAddon } from '../../src/kernel/addon.ts'
import { openLinux } from '../../src/kernel/linux.ts'
import { runProgram } from './programs.ts'

const kernel = openLinux()

function signal(fd: number, count = 1n): void {
  kernel.write(fd, new Uint8Array(new BigUint64Array([count]).buffer))
}

function drain(fd: number): bigint {
  const bytes = new Uint8Array(8)
  kernel.read(fd, bytes)
  return new DataView(bytes.buffer).getBigUint64(0, true)
}

describe('eventfd', () => {
  it('counts what was written and is empty after a read', () => {
    const fd = kernel.eventfd(2)
    signal(fd, 40n)
    signal(fd)
    expect(drain(fd)).toBe(43n)
    expect(() => drain(fd)).toThrow(expect.objectContaining({ code: 'EAGAIN', errno: -11, syscall: 'read' }))
    kernel.close(fd)
  })

  it('takes a 32-bit start', () => {
    const fd = kernel.eventfd(2 ** 32 - 1)
    expect(drain(fd)).toBe(0xffff_ffffn)
    kernel.close(fd)
    for (const bad of [-1, 2 ** 32, 0.5, Number.NaN]) expect(() => kernel.eventfd(bad)).toThrow(RangeError)
  })
})

describe('watch', () => {
  it('calls back for each signal, with the count that came together', async () => {
    const fd = kernel.eventfd()
    const counts: bigint[] = []
    const watch = kernel.watch(fd, () => counts.push(drain(fd)))
    for (const count of [1n, 7n, 1n]) {
      const seen = counts.length
      signal(fd, count)
      while (counts.length === seen) await setImmediate()
    }
    expect(counts).toEqual([1n, 7n, 1n])
    watch.close()
    kernel.close(fd)
  })

  it('calls back as long as the descriptor is readable', async () => {
    const fd = kernel.eventfd(1)
    let calls = 0
    const watch = kernel.watch(fd, () => {
      calls++
      if (calls === 3) drain(fd)
    })
    while (calls < 3) await setImmediate()
    for (let turn = 0; turn < 10; turn++) await setImmediate()
    expect(calls).toBe(3)
    watch.close()
    kernel.close(fd)
  })

  it('goes on while the descriptor is in an error state, as an eventfd is that the kernel overflowed', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'vfioctl-watch-'))
    const path = join(folder, 'fifo')
    execFileSync('mkfifo', [path])
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    const fd = kernel.open(path, 'w')
    let calls = 0
    const watch = kernel.watch(fd, () => calls++)
    closeSync(reader)
    while (calls < 3) await setImmediate()
    watch.close()
    kernel.close(fd)
    rmSync(folder, { recursive: true })
    expect(calls).toBe(3)
  })

  it('says nothing after close, from inside the callback too, and closes twice', async () => {
    const fd = kernel.eventfd(1)
    let calls = 0
    const watch = kernel.watch(fd, () => {
      calls++
      watch.close()
    })
    while (calls === 0) await setImmediate()
    for (let turn = 0; turn < 10; turn++) await setImmediate()
    watch.close()
    watch.ref()
    watch.unref()
    expect(calls).toBe(1)
    expect(drain(fd)).toBe(1n)
    kernel.close(fd)
  })

  it('leaves the descriptor to its owner, who may watch it again', async () => {
    const fd = kernel.eventfd()
    kernel.watch(fd, () => {}).close()
    let calls = 0
    const again = kernel.watch(fd, () => {
      calls++
      drain(fd)
    })
    signal(fd)
    while (calls === 0) await setImmediate()
    expect(calls).toBe(1)
    again.close()
    kernel.close(fd)
  })

  it('outlives its own garbage: nobody holds it but the loop', async () => {
    const fd = kernel.eventfd()
    let calls = 0
    const closers: (() => void)[] = []
    ;(() => {
      const watch = new WeakRef(kernel.watch(fd, () => calls++ === 0 && drain(fd)))
      closers.push(() => watch.deref()?.close())
    })()
    for (let i = 0; i < 3; i++) {
      globalThis.gc?.()
      await setImmediate()
    }
    signal(fd)
    while (calls === 0) await setImmediate()
    closers[0]?.()
    kernel.close(fd)
    expect(calls).toBe(1)
  })

  it('refuses a second watch of one descriptor, a file, and a closed descriptor', () => {
    const fd = kernel.eventfd()
    const watch = kernel.watch(fd, () => {})
    expect(() => kernel.watch(fd, () => {})).toThrow(expect.objectContaining({ code: 'EEXIST', syscall: 'epoll_ctl' }))
    watch.close()
    kernel.close(fd)
    expect(() => kernel.watch(fd, () => {})).toThrow(expect.objectContaining({ code: 'EBADF' }))
    const file = kernel.open('/etc/passwd', 'r')
    expect(() => kernel.watch(file, () => {})).toThrow(expect.objectContaining({ code: 'EPERM' }))
    kernel.close(file)
  })

  it('refuses what is no descriptor or no function', () => {
    const addon = loadAddon()
    for (const bad of [-1, 2 ** 32, Number.NaN, '3', null]) {
      expect(() => Reflect.construct(addon.Watch, [bad, () => {}])).toThrow(/fd must be/)
    }
    for (const bad of [undefined, null, {}, 'f']) {
      expect(() => Reflect.construct(addon.Watch, [0, bad])).toThrow(/onReadable must be a function/)
    }
  })

  it('makes an uncaught exception of what its callback throws, and goes on', () => {
    const { status, stdout } = runProgram('throwing-watch.mjs')
    expect(status).toBe(0)
    expect(JSON.parse(stdout)).toEqual(['an error', 'a string', 'undefined', 'null'])
  })

  it.each([
    ['active', 7],
    ['unref', 0],
    ['close', 0],
    ['ref', 7],
  ])('%s: the process ends with %i', (mode, status) => {
    expect(runProgram('keep-alive.mjs', [mode])).toMatchObject({ status, signal: null })
  })
})
