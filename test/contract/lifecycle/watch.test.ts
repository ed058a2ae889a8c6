import { randomUUID } from 'node:crypto'
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { Host } from '../../../src/host.ts'
import type { HostChange } from '../../../src/lifecycle/watch/host-change.ts'
import { openDescriptors } from '../../descriptors.ts'
import { contractKernel } from '../kernel.ts'

let host: Host
let uuid: string
beforeEach(() => {
  host = new Host(contractKernel().kernel)
  uuid = randomUUID()
  onTestFinished(async () => {
    const [device] = host.list({ name: uuid }).devices
    if (device?.active === true) await host.stop({ name: uuid })
    if (device !== undefined && device.definition !== null) await host.undefine({ name: uuid })
    await host[Symbol.asyncDispose]()
  })
})

const mtty = { parent: 'mtty', type: 'mtty-2' }

/** Reads on until something is told that is `wanted`. */
async function until(changes: AsyncIterator<HostChange>, wanted: (told: string) => boolean): Promise<string[]> {
  const all: string[] = []
  for (;;) {
    const { value } = await changes.next()
    all.push(shown(value))
    if (wanted(all.at(-1) ?? '')) return all
  }
}

/** Reads on until all of it is told, in whatever order, and nothing else. */
async function exactly(changes: AsyncIterator<HostChange>, wanted: readonly string[]): Promise<void> {
  const missing = new Set(wanted)
  while (missing.size > 0) {
    const { value } = await changes.next()
    const told = shown(value)
    // A device that is seen while the kernel still makes it gets its node later.
    if (told === `device changed ${uuid}`) continue
    expect([...missing]).toContain(told)
    missing.delete(told)
  }
}

function shown(told: HostChange): string {
  const { what, change } = told
  if (what === 'type') return `${what} ${change} ${told.type.type} ${told.type.available}`
  return what === 'warning' ? `${what} ${change}` : `${what} ${change} ${told.device.name}`
}

describe('watching a host', () => {
  test('tells what is there, then each device, definition and room that comes, changes and goes', async () => {
    const changes = host.watch()
    const present = await until(changes, (told) => told === 'type present mtty-2 12')
    expect(present).toContain('type present mtty-1 24')

    await host.define({ name: uuid, ...mtty })
    await exactly(changes, [`definition appeared ${uuid}`])
    await host.modify({ name: uuid, start: 'auto' })
    await exactly(changes, [`definition changed ${uuid}`])
    await host.start({ name: uuid })
    await exactly(changes, ['type changed mtty-1 22', 'type changed mtty-2 11', `device appeared ${uuid}`])
    await host.stop({ name: uuid })
    await exactly(changes, [`device gone ${uuid}`, 'type changed mtty-1 24', 'type changed mtty-2 12'])
    await host.undefine({ name: uuid })
    await exactly(changes, [`definition gone ${uuid}`])
    await changes.return?.()
  })

  test('loses nothing that happens while it begins', async () => {
    const changes = host.watch()
    const first = changes.next()
    await host.start({ name: uuid, ...mtty })
    const told = [shown((await first).value), ...(await until(changes, (it) => it.endsWith(uuid)))]
    expect(told.at(-1)).toMatch(/^device (present|appeared) /)
    await changes.return?.()
  })

  test('rejects with the reason of its signal, whether somebody waits or asks next', async () => {
    const stop = new AbortController()
    const changes = host.watch({ signal: stop.signal })
    await until(changes, (told) => told.startsWith('type present mtty-2'))
    const waiting = until(changes, () => false)
    const reason = new Error('enough')
    stop.abort(reason)
    await expect(waiting).rejects.toBe(reason)
    expect(await changes.next()).toEqual({ done: true, value: undefined })
  })

  test.for([
    { reader: 'waits', isWaiting: true },
    { reader: 'has forgotten it', isWaiting: false },
  ])('ends with the host while its reader $reader, and leaves nothing open', async ({ isWaiting }) => {
    const { kernel } = host
    // libuv's inotify descriptor stays for the next watch.
    const warmUp = host.watch()
    await warmUp.next()
    await warmUp.return?.()
    const before = openDescriptors(kernel)
    const another = new Host(kernel)
    const changes = another.watch()
    await until(changes, (told) => told.startsWith('type present mtty-2'))
    const waiting = isWaiting ? until(changes, () => false) : null
    waiting?.catch(() => {})
    await another[Symbol.asyncDispose]()
    if (waiting !== null) await expect(waiting).rejects.toMatchObject({ code: 'CLOSED' })
    const opened = () => openDescriptors(kernel).filter((it) => !before.includes(it))
    if (isWaiting) expect(opened()).toEqual([])
    else await vi.waitFor(() => expect(opened()).toEqual([]))
  })
})
