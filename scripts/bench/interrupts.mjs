// From a write to an eventfd to whoever waits for it.
import { once } from 'node:events'
import { eventWaits } from './node-ways.mjs'
import { sideBySide } from './side-by-side.mjs'

const one = Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0)
const two = Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0)
const timeoutMs = 10_000

/**
 * `waiting` has one vector, whose eventfd is written to here as a device would.
 * @param {import('./c-program.mjs').CProgram} c
 * @param {import('../../dist/kernel/kernel.js').Kernel} kernel
 * @param {Pick<import('../../dist/vfio/irq/irq-enabled.js').EnabledIrq, 'waitSync' | 'next' | 'events'>} waiting
 * @param {number} eventfd
 * @param {{ there: number, woken: number }} counts
 */
export async function interrupts(c, kernel, waiting, eventfd, counts) {
  return [
    await sideBySide('interrupt, eventfd write to handler: waitSync', counts.there, {
      C: c.runs('interrupt'),
      vfioctl: (count) => {
        for (let i = 0; i < count; i++) {
          kernel.write(eventfd, one)
          waiting.waitSync({ timeoutMs })
        }
      },
      ...eventWaits(eventfd),
    }),
    await sideBySide('interrupt, eventfd write to handler: await next()', counts.there, {
      C: c.runs('interrupt'),
      vfioctl: async (count) => {
        for (let i = 0; i < count; i++) {
          const next = waiting.next({})
          kernel.write(eventfd, one)
          await next
        }
      },
    }),
    await sideBySide('interrupt, eventfd write to handler: for await', counts.there, {
      C: c.runs('interrupt'),
      vfioctl: async (count) => {
        let left = count
        kernel.write(eventfd, one)
        for await (const _ of waiting.events({})) {
          left--
          if (left === 0) break
          kernel.write(eventfd, one)
        }
      },
    }),
    await sideBySide('interrupt, there and back between processes: waitSync', counts.woken, {
      C: c.runs('woken'),
      vfioctl: async (count) => {
        const there = kernel.eventfd()
        const peer = c.startPeer(there, eventfd)
        const ended = once(peer, 'exit')
        // its start is not what is measured
        kernel.write(there, one)
        waiting.waitSync({ timeoutMs })
        const start = performance.now()
        for (let i = 0; i < count; i++) {
          kernel.write(there, one)
          waiting.waitSync({ timeoutMs })
        }
        const took = performance.now() - start
        kernel.write(there, two)
        await ended
        kernel.close(there)
        return (took * 1e6) / count
      },
    }),
  ]
}
