import { setImmediate } from 'node:timers/promises'
import { beforeEach, describe, expect, test } from 'vitest'
import type { EnabledIrq } from '../../../../src/vfio/irq/irq-enabled.ts'
import type { IrqEvent } from '../../../../src/vfio/irq/irq-waiters.ts'
import { IrqKernel } from './irq-kernel.ts'

let kernel: IrqKernel
let irq: EnabledIrq
const msix = 2

beforeEach(() => {
  kernel = new IrqKernel()
  irq = kernel.openDevice().irqs.msix.enable([0, 1, 2])
})

function code(expected: string, facts: object = {}) {
  return expect.objectContaining({ code: expected, facts: expect.objectContaining(facts) })
}

function signal(vector: number, times = 1): void {
  for (let i = 0; i < times; i++) kernel.signal(msix, vector)
}

async function idle(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await setImmediate()
}

async function collect(events: AsyncIterable<IrqEvent>, count: number): Promise<[number, number][]> {
  const collected: [number, number][] = []
  for await (const { vector, count: times } of events) {
    collected.push([vector, times])
    if (collected.length === count) break
  }
  return collected
}

describe('iterating', () => {
  test('gives each vector with how many came, those from before included', async () => {
    signal(1, 3)
    const collected = collect(irq.events(), 3)
    await idle()
    signal(0)
    await idle()
    signal(2, 2)
    expect(await collected).toEqual([
      [1, 3],
      [0, 1],
      [2, 2],
    ])
  })

  test('counts what comes while an event is dealt with, and loses none', async () => {
    let total = 0
    let told = 0
    signal(0)
    for await (const { count } of irq.events({ vector: 0 })) {
      total += count
      told++
      if (told < 5) {
        signal(0, 100)
        await idle()
      } else break
    }
    expect([told, total]).toEqual([5, 401])
  })

  test('of one vector leaves the others alone', async () => {
    signal(1, 2)
    const only = collect(irq.events({ vector: 0 }), 1)
    await idle()
    signal(0)
    expect(await only).toEqual([[0, 1]])
    expect(irq.waitSync({ timeoutMs: 0 })).toEqual({ vector: 1, count: 2 })
  })

  test('ends when the irq is closed', async () => {
    const collected = collect(irq.events(), 9)
    await idle()
    irq.close()
    expect(await collected).toEqual([])
    expect(kernel.watched.size).toBe(0)
  })

  test('ends when the irq is closed between two waits', async () => {
    const all = irq.events()
    const one = irq.events({ vector: 2 })
    irq.close()
    expect(await all.next()).toEqual({ done: true, value: undefined })
    expect(await one.next()).toEqual({ done: true, value: undefined })
  })

  test('ends when its vector is removed between two waits', async () => {
    const events = irq.events({ vector: 2 })
    irq.remove([2])
    expect(await events.next()).toEqual({ done: true, value: undefined })
  })

  test('rejects with the reason of its signal, and is over then', async () => {
    const controller = new AbortController()
    const events = irq.events({ signal: controller.signal })
    const first = events.next()
    await idle()
    controller.abort(new Error('enough'))
    await expect(first).rejects.toThrow('enough')
    expect(await events.next()).toEqual({ done: true, value: undefined })
    const late = irq.events({ signal: controller.signal })
    await expect(late.next()).rejects.toThrow('enough')
  })

  test('is aborted between two waits: the next one rejects, and none comes after it', async () => {
    const controller = new AbortController()
    const events = irq.events({ signal: controller.signal })
    signal(0)
    await events.next()
    controller.abort(new Error('enough'))
    await expect(events.next()).rejects.toThrow('enough')
    expect(await events.next()).toEqual({ done: true, value: undefined })
  })

  test('is given up by return, while it waits too', async () => {
    const events = irq.events()
    const first = events.next()
    expect(await events.return()).toEqual({ done: true, value: undefined })
    expect(await first).toEqual({ done: true, value: undefined })
    signal(0)
    await idle()
    expect(irq.waitSync({ timeoutMs: 0 })).toEqual({ vector: 0, count: 1 })
  })

  test('asked for several at once, answers in order', async () => {
    const events = irq.events()
    const both = Promise.all([events.next(), events.next()])
    signal(0, 2)
    await idle()
    signal(0)
    expect(await both).toEqual([
      { done: false, value: { vector: 0, count: 2 } },
      { done: false, value: { vector: 0, count: 1 } },
    ])
  })
})

describe('the next event', () => {
  test('goes to one of those who wait, the first', async () => {
    const first = irq.next()
    const second = irq.next()
    signal(0)
    expect(await first).toEqual({ vector: 0, count: 1 })
    signal(1)
    expect(await second).toEqual({ vector: 1, count: 1 })
  })

  test('does not come: INTERRUPT_TIMEOUT, and the event after it is not lost', async () => {
    await expect(irq.next({ vector: 1, timeoutMs: 5 })).rejects.toThrow(
      code('INTERRUPT_TIMEOUT', { vector: 1, timeoutMs: 5 }),
    )
    signal(1)
    expect(await irq.next({ timeoutMs: 1000 })).toEqual({ vector: 1, count: 1 })
  })

  test('is not waited for once the signal is aborted', async () => {
    await expect(irq.next({ signal: AbortSignal.abort(new Error('before')) })).rejects.toThrow('before')
    const controller = new AbortController()
    const waiting = irq.next({ signal: controller.signal })
    controller.abort(new Error('meanwhile'))
    await expect(waiting).rejects.toThrow('meanwhile')
    signal(0)
    await idle()
    expect(irq.waitSync({ timeoutMs: 0 }).count).toBe(1)
  })

  test('is CLOSED when the irq is, then and later', async () => {
    const waiting = irq.next()
    irq.close()
    await expect(waiting).rejects.toThrow(code('CLOSED'))
    await expect(irq.next()).rejects.toThrow(code('CLOSED'))
  })

  test.each([-1, 0.5, Number.NaN, 2 ** 31, Number.POSITIVE_INFINITY])('%d ms are refused', async (timeoutMs) => {
    await expect(irq.next({ timeoutMs })).rejects.toThrow(code('INVALID_ARGUMENT'))
    expect(() => irq.waitSync({ timeoutMs })).toThrow(code('INVALID_ARGUMENT'))
  })

  test('comes from a vector that was added meanwhile', async () => {
    const waiting = irq.next()
    irq.add([9])
    signal(9)
    expect(await waiting).toEqual({ vector: 9, count: 1 })
  })

  test('that someone else read from the eventfd first is not told, and the next one is', async () => {
    const waiting = irq.next({ vector: 0 })
    kernel.readsAreLate = true
    signal(0)
    await idle()
    signal(0)
    expect(() => irq.waitSync({ timeoutMs: 0 })).toThrow(code('INTERRUPT_TIMEOUT'))
    kernel.readsAreLate = false
    signal(0, 2)
    expect(await waiting).toEqual({ vector: 0, count: 2 })
  })

  test('rejects where the eventfd was closed behind our back', async () => {
    const waiting = irq.next({ vector: 0 })
    signal(0)
    kernel.descriptors.delete(irq.eventfd(0))
    await expect(waiting).rejects.toThrow(expect.objectContaining({ code: 'SYSTEM_CALL_FAILED', errno: 'EBADF' }))
  })

  test('of a vector that is not enabled is NOT_FOUND', async () => {
    await expect(irq.next({ vector: 7 })).rejects.toThrow(code('NOT_FOUND', { vector: 7, enabled: [0, 1, 2] }))
  })
})

describe('when nobody waits', () => {
  test('the process is not kept alive, and is while someone does', async () => {
    expect(kernel.referenced.size).toBe(0)
    const controller = new AbortController()
    const waiting = [irq.next(), irq.next({ vector: 2, signal: controller.signal }), irq.next({ timeoutMs: 5 })]
    expect(kernel.referenced.size).toBe(3)
    signal(0)
    await waiting[0]
    controller.abort()
    await Promise.allSettled(waiting)
    expect(kernel.referenced.size).toBe(0)
    const events = irq.events()
    const next = events.next()
    expect(kernel.referenced.size).toBeGreaterThan(0)
    signal(1)
    await next
    expect(kernel.referenced.size).toBe(0)
  })

  test('nothing is watched until someone has, and a signal ends that', async () => {
    expect(kernel.watched.size).toBe(0)
    const waiting = irq.next()
    signal(0)
    await waiting
    expect(kernel.watched.size).toBe(3)
    signal(0, 5)
    signal(1)
    await idle()
    expect(kernel.watched.size).toBe(1)
    expect(await irq.next({ vector: 0 })).toEqual({ vector: 0, count: 5 })
    expect(await irq.next()).toEqual({ vector: 1, count: 1 })
  })
})

describe('waiting without the event loop', () => {
  test('gives what came, or INTERRUPT_TIMEOUT', () => {
    signal(2, 7)
    expect(irq.waitSync({ timeoutMs: 1000 })).toEqual({ vector: 2, count: 7 })
    expect(() => irq.waitSync({ timeoutMs: 0 })).toThrow(code('INTERRUPT_TIMEOUT', { vector: null, timeoutMs: 0 }))
    expect(() => irq.waitSync({ timeoutMs: 0, vector: 1 })).toThrow(code('INTERRUPT_TIMEOUT', { vector: 1 }))
  })

  test('leaves every vector its turn', () => {
    const turns: number[] = []
    for (let turn = 0; turn < 6; turn++) {
      for (const vector of [0, 1, 2]) signal(vector)
      turns.push(irq.waitSync({ timeoutMs: 0 }).vector)
    }
    expect(turns).toEqual([0, 1, 2, 0, 1, 2])
  })

  test('knows vectors that were added and removed', () => {
    expect(() => irq.waitSync({ timeoutMs: 0 })).toThrow(code('INTERRUPT_TIMEOUT'))
    irq.add([5])
    irq.remove([0, 1, 2])
    signal(5)
    expect(irq.waitSync({ timeoutMs: 0 })).toEqual({ vector: 5, count: 1 })
    irq.remove([5])
    expect(() => irq.waitSync({ timeoutMs: 0 })).toThrow(code('INVALID_ARGUMENT'))
  })

  test('is CLOSED when the irq is, and no eventfd is looked at, whose number may be another file by then', () => {
    expect(() => irq.waitSync({ timeoutMs: 0 })).toThrow(code('INTERRUPT_TIMEOUT'))
    const eventfd = irq.eventfd(0)
    irq.close()
    kernel.descriptors.set(eventfd, 'another file')
    kernel.eventfds.get(eventfd)?.signal()
    expect(() => irq.waitSync({ timeoutMs: 0 })).toThrow(code('CLOSED'))
  })

  test('fails where an eventfd was closed behind our back', () => {
    kernel.descriptors.delete(irq.eventfd(1))
    expect(() => irq.waitSync({ timeoutMs: 0 })).toThrow(
      expect.objectContaining({ code: 'SYSTEM_CALL_FAILED', errno: 'EBADF' }),
    )
  })
})
