// The answers to users if the kernel's mediated device support is not loaded, and that it is found once it is.
import { execFileSync } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Host } from '../../src/host.ts'
import { contractKernel } from '../contract/kernel.ts'

const samples = ['mtty', 'mdpy', 'mbochs']
const host = new Host(contractKernel().kernel)
const notLoaded = /no mediated device support is loaded \(module mdev/

beforeAll(() => {
  // Refused while a device of theirs is there: the tests before leave none.
  execFileSync('rmmod', [...samples, 'mdev'])
})

function load(): void {
  for (const module of samples) execFileSync('modprobe', [module])
}
afterAll(load)

describe('a kernel without mediated device support', () => {
  it('offers no types, and says why', () => {
    const warning = { path: '/sys/class/mdev_bus', message: expect.stringMatching(notLoaded) }
    expect(host.types()).toEqual({ types: [], warnings: [warning] })
  })

  it('has no devices, which is no fault', () => {
    expect(host.list()).toEqual({ devices: [], warnings: [] })
  })

  it('starts and defines none: NOT_SUPPORTED, and what to load', async () => {
    const message = expect.stringMatching(notLoaded)
    const expected = { code: 'NOT_SUPPORTED', message, hint: expect.stringMatching(/^modprobe mdev/) }
    await expect(host.start({ parent: 'mtty', type: 'mtty-2' })).rejects.toMatchObject(expected)
    await expect(host.define({ parent: 'mtty', type: 'mtty-2' })).rejects.toMatchObject(expected)
    expect(host.list()).toEqual({ devices: [], warnings: [] })
  })

  it('has types and devices again once the modules are loaded', async () => {
    load()
    expect(host.types().types.map(({ parent }) => parent)).toEqual(expect.arrayContaining(samples))
    const { name: uuid } = await host.start({ parent: 'mtty', type: 'mtty-2' })
    await host.stop({ name: uuid })
  })
})
