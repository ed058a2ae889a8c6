import { spawnSync } from 'node:child_process'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, type TestContext, vi } from 'vitest'
import { openLinux } from '../../src/kernel/linux.ts'
import type { Uevent } from '../../src/kernel/uevents.ts'
import { HostTree } from '../unit/host-tree.ts'
import { runProgram } from './programs.ts'

const device = '/devices/virtual/mem/null'
const descriptors = () => readdirSync('/proc/self/fd').length

/** Has the kernel speak of a device that every machine has. */
function speak(context: TestContext): void {
  try {
    writeFileSync(`/sys${device}/uevent`, 'change')
  } catch (error) {
    context.skip(`the kernel cannot be made to speak here: ${error instanceof Error ? error.message : error}`)
  }
}

async function listen(context: TestContext, listener: (event: Uevent) => void) {
  return (await openLinux().watchUevents(listener)) ?? context.skip('ffi-rs or libudev is not installed')
}

describe('uevents of the real kernel', () => {
  it('come with what the kernel says of the device', async (context) => {
    const events: Uevent[] = []
    const watch = await listen(context, (event) => events.push(event))
    speak(context)
    await vi.waitFor(() => expect(events.some(({ devpath }) => devpath === device)).toBe(true), 10_000)
    watch.close()
    expect(events.find(({ devpath }) => devpath === device)).toMatchObject({
      seqnum: expect.any(Number),
      action: 'change',
      subsystem: 'mem',
      properties: { DEVNAME: '/dev/null', MAJOR: '1', MINOR: '3' },
    })
  })

  it('come all and in order where they come in hundreds', async (context) => {
    const numbers: number[] = []
    const watch = await listen(context, ({ devpath, seqnum }) => {
      if (devpath === device) numbers.push(seqnum)
    })
    for (let i = 0; i < 500; i++) speak(context)
    await vi.waitFor(() => expect(numbers).toHaveLength(500), 10_000)
    watch.close()
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b))
  })

  it('leave no descriptor behind', async (context) => {
    const first = await listen(context, () => {})
    first.close()
    const before = descriptors()
    for (let i = 0; i < 20; i++) (await listen(context, () => {})).close()
    expect(descriptors()).toBe(before)
  })

  it('are not heard in a Worker, which looks for itself and ends without harm', () => {
    const { root } = new HostTree().type('0000:3b:00.0', 'nvidia-222', { available_instances: '16' })
    const { status, signal, stdout, stderr } = runProgram('watch-in-worker.mjs', [], { HOST_ROOT: root })
    expect({ status, signal, stdout, stderr }).toEqual({
      status: 0,
      signal: null,
      stdout: 'type null '.repeat(4),
      stderr: '',
    })
  })

  it('are refused with the reason in a network namespace that another user namespace owns', (context) => {
    const program = join(import.meta.dirname, 'programs/watch-uevents.mjs')
    const inside = ['--user', '--map-root-user', '--net', process.execPath, program]
    if (spawnSync('unshare', [...inside.slice(0, 3), 'true']).status !== 0) context.skip('unshare makes no namespaces')
    const { stdout } = spawnSync('unshare', inside, { encoding: 'utf8' })
    if (stdout === 'none\n') context.skip('ffi-rs or libudev is not installed')
    expect(stdout).toMatch(/^NOT_SUPPORTED this network namespace belongs to a user namespace other than the first/)
  })

  it('are not to be had of another root', async () => {
    expect(await openLinux({ root: '/tmp' }).watchUevents(() => {})).toBe(null)
  })
})
