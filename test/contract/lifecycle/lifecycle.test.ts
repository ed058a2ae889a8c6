import { randomUUID } from 'node:crypto'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { parseUuid } from '../../../src/base/units.ts'
import { Host } from '../../../src/host.ts'
import { findMdevDevice } from '../../../src/lifecycle/kinds/mdev/mdev-devices.ts'
import { contractKernel } from '../kernel.ts'

/** A host whose devices and definitions, as far as a test makes them, go away after it. */
function contractHost(): Host {
  const host = new Host(contractKernel().kernel)
  const before = new Set(host.list().devices.map(({ name }) => name))
  onTestFinished(async () => {
    for (const { name, active, definition } of host.list().devices) {
      if (before.has(name)) continue
      if (active) await host.stop({ name })
      if (definition !== null) await host.undefine({ name })
    }
    await host[Symbol.asyncDispose]()
  })
  return host
}

let host: Host
beforeEach(() => {
  host = contractHost()
})

function available(type: string): number | null | undefined {
  return host.types({ parent: 'mtty', type }).types[0]?.available
}

function isActive(uuid: string): boolean {
  return host.list({ name: uuid }).devices.some(({ active }) => active)
}

const mtty = { parent: 'mtty', type: 'mtty-2' }

describe('types', () => {
  test('mtty offers one and two ports out of 24', () => {
    const { types } = host.types({ parent: 'mtty' })
    expect(types).toMatchObject([
      { type: 'mtty-1', name: 'Single port serial', deviceApi: 'vfio-pci', available: 24, description: null },
      { type: 'mtty-2', name: 'Dual port serial', deviceApi: 'vfio-pci', available: 12, description: null },
    ])
  })

  test('a running device takes its ports from both types, and stands in its own type’s list', async () => {
    const { name: uuid } = await host.start(mtty)
    expect([available('mtty-1'), available('mtty-2')]).toEqual([22, 11])
    expect(host.types(mtty).types[0]?.devices).toEqual([uuid])
    await host.stop({ name: uuid })
    expect([available('mtty-1'), available('mtty-2')]).toEqual([24, 12])
  })
})

describe('a device’s life', () => {
  test('define, start, stop, undefine: each is seen in the list, and again is no change', async () => {
    const uuid = randomUUID()
    const attributes = [] as const
    const definition = { type: 'mtty-2', start: 'manual', attributes }
    expect(await host.define({ name: uuid, ...mtty })).toMatchObject({ uuid, ...mtty, changed: true })
    expect(host.list({ name: uuid }).devices).toMatchObject([
      { ...mtty, active: false, definition, group: null, users: [] },
    ])
    expect(await host.define({ name: uuid, ...mtty })).toMatchObject({ changed: false, steps: [] })

    expect(await host.start({ name: uuid })).toMatchObject({ uuid, ...mtty, changed: true })
    const [running] = host.list({ name: uuid }).devices
    expect(running).toMatchObject({ ...mtty, typeName: 'Dual port serial', active: true, definition })
    expect(running?.group).toEqual(expect.any(Number))
    expect(running?.node).toBe(`/dev/vfio/${running?.group}`)
    expect(await host.start({ name: uuid })).toMatchObject({ changed: false, steps: [] })

    expect(await host.stop({ name: uuid })).toMatchObject({ uuid, ...mtty, changed: true })
    expect(host.list({ name: uuid }).devices).toMatchObject([{ active: false, definition }])
    expect(await host.stop({ name: uuid })).toMatchObject({ changed: false, steps: [] })

    expect(await host.undefine({ name: uuid })).toMatchObject([{ uuid, ...mtty, changed: true }])
    expect(host.list({ name: uuid }).devices).toEqual([])
    await expect(host.undefine({ name: uuid })).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await expect(host.stop({ name: uuid })).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })

  test('a running device is defined by its UUID alone, and undefining it lets it run', async () => {
    const { name: uuid } = await host.start(mtty)
    expect(await host.define({ name: uuid, start: 'auto' })).toMatchObject({ ...mtty, changed: true })
    expect(host.list({ name: uuid }).devices).toMatchObject([{ active: true, definition: { start: 'auto' } }])
    await host.undefine({ name: uuid })
    expect(host.list({ name: uuid }).devices).toMatchObject([{ active: true, definition: null }])
    expect(await host.undefine({ name: uuid })).toMatchObject([{ changed: false }])
  })

  test('a type is also known by its name, with spaces or underscores', async () => {
    expect(await host.start({ parent: 'mtty', type: 'Dual port serial' })).toMatchObject(mtty)
    expect(await host.start({ parent: 'mtty', type: 'Single_port_serial' })).toMatchObject({ type: 'mtty-1' })
  })

  test('a dry run says the writes and makes none', async () => {
    const uuid = randomUUID()
    const path = '/sys/class/mdev_bus/mtty/mdev_supported_types/mtty-2/create'
    const steps = [{ action: 'write', path, value: uuid }]
    expect(await host.start({ name: uuid, ...mtty }, { dryRun: true })).toMatchObject({
      dryRun: true,
      changed: true,
      steps,
    })
    expect(host.list({ name: uuid }).devices).toEqual([])
    const saved = await host.define({ name: uuid, ...mtty }, { dryRun: true })
    expect(saved.steps).toMatchObject([{ action: 'save', path: `/etc/mdevctl.d/mtty/${uuid}` }])
    expect(host.list({ name: uuid }).devices).toEqual([])
  })

  test('a definition is modified: start mode, type, and attributes by position', async () => {
    const { name: uuid } = await host.define({ ...mtty, attributes: [{ name: 'a', value: '1' }] })
    await host.modify({ name: uuid, start: 'auto', type: 'mtty-1' })
    await host.modify({ name: uuid, addAttribute: { name: 'b', value: '2' } })
    await host.modify({ name: uuid, addAttribute: { name: 'c', value: '3', index: 0 } })
    await host.modify({ name: uuid, removeAttribute: { index: 1 } })
    const attributes = [
      { name: 'c', value: '3' },
      { name: 'b', value: '2' },
    ]
    expect(host.list({ name: uuid }).devices[0]?.definition).toEqual({ type: 'mtty-1', start: 'auto', attributes })
    await expect(host.modify({ name: uuid, removeAttribute: { index: 2 } })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    })
    expect(await host.modify({ name: uuid, start: 'auto' })).toMatchObject({ changed: false })
  })
})

describe('what cannot be done is an error that says why, and nothing is changed', () => {
  test('an unknown parent names the nearest', async () => {
    const wrong = { code: 'NOT_FOUND', message: expect.stringContaining("did you mean 'mtty'") }
    await expect(host.start({ parent: 'mty', type: 'mtty-2' })).rejects.toMatchObject(wrong)
    await expect(host.define({ parent: 'mty', type: 'mtty-2' })).rejects.toMatchObject(wrong)
  })

  test('an unknown type names the nearest', async () => {
    const wrong = { code: 'NOT_FOUND', message: expect.stringContaining("'mtty-2'") }
    await expect(host.start({ parent: 'mtty', type: 'mtty-3' })).rejects.toMatchObject(wrong)
  })

  test('a UUID that is none, and a name that would leave its folder', async () => {
    const invalid = { code: 'INVALID_ARGUMENT' }
    await expect(host.start({ name: 'xyz', ...mtty })).rejects.toMatchObject(invalid)
    await expect(host.start({ parent: '../mtty', type: 'mtty-2' })).rejects.toMatchObject(invalid)
    await expect(host.define({ parent: 'a/b', type: 't', force: true })).rejects.toMatchObject(invalid)
    await expect(host.define({ parent: 'a\0', type: 't', force: true })).rejects.toMatchObject(invalid)
    const attributes = [{ name: '../../../etc/passwd', value: 'x' }]
    await expect(host.start({ ...mtty, attributes })).rejects.toMatchObject(invalid)
    await expect(host.define({ ...mtty, attributes })).rejects.toMatchObject(invalid)
    expect(available('mtty-2')).toBe(12)
  })

  test('no instance left: the siblings that hold them are named', async () => {
    const held: string[] = []
    for (let n = 0; n < 12; n++) held.push((await host.start(mtty)).name)
    const error = await host.start({ parent: 'mtty', type: 'mtty-1' }).catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'NO_INSTANCE_LEFT', facts: { parent: 'mtty', type: 'mtty-1' } })
    for (const uuid of held) expect(String(error)).toContain(uuid)
  })

  test('an attribute that the driver does not have: the device is removed again and the error kept', async () => {
    const uuid = randomUUID()
    const attributes = [{ name: 'vendor/no_such_file', value: '1' }]
    await expect(host.start({ name: uuid, ...mtty, attributes })).rejects.toMatchObject({
      code: 'ATTRIBUTE_FAILED',
      errno: 'ENOENT',
      path: `/sys/bus/mdev/devices/${uuid}/vendor/no_such_file`,
      facts: { remains: false },
    })
    expect(isActive(uuid)).toBe(false)
  })

  test('an attribute that may only be read', async () => {
    const uuid = randomUUID()
    const attributes = [{ name: 'vendor/sample_mdev_dev', value: '1' }]
    await expect(host.start({ name: uuid, ...mtty, attributes })).rejects.toMatchObject({ code: 'ATTRIBUTE_FAILED' })
    expect(isActive(uuid)).toBe(false)
  })

  test('a UUID that runs with another type', async () => {
    const { name: uuid } = await host.start(mtty)
    await expect(host.start({ name: uuid, parent: 'mtty', type: 'mtty-1' })).rejects.toMatchObject({
      code: 'ALREADY_EXISTS',
    })
    expect(isActive(uuid)).toBe(true)
  })

  test('a definition that would change another one', async () => {
    const { name: uuid } = await host.define(mtty)
    await expect(host.define({ name: uuid, ...mtty, start: 'auto' })).rejects.toMatchObject({ code: 'ALREADY_EXISTS' })
    expect(host.list({ name: uuid }).devices[0]?.definition?.start).toBe('manual')
  })

  test('a device that is neither defined nor given a parent and type', async () => {
    await expect(host.start({ name: randomUUID() })).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })
})

describe('a device that a process has open', () => {
  test('is shown with that process, is not stopped, and is once it is closed', async () => {
    const { name: uuid } = await host.start(mtty)
    const device = await host.openDevice(uuid)
    const self = { pid: host.kernel.pid }
    expect(host.list({ name: uuid }).devices[0]?.users).toMatchObject([self])
    const busy = { code: 'DEVICE_BUSY', errno: 'EBUSY', facts: { device: uuid, users: [self] } }
    await expect(host.stop({ name: uuid })).rejects.toMatchObject(busy)
    await expect(host.stop({ name: uuid }, { dryRun: true })).rejects.toMatchObject(busy)
    expect(isActive(uuid)).toBe(true)
    await device.close()
    expect(host.list({ name: uuid }).devices[0]?.users).toEqual([])
    await host.stop({ name: uuid })
    expect(isActive(uuid)).toBe(false)
  })

  test('a device that is open but not bound to an iommufd yet is not stopped either', async ({ skip }) => {
    const { kernel } = host
    const { name: uuid } = await host.start(mtty)
    const node = findMdevDevice(kernel.files, parseUuid(uuid))?.deviceNode ?? null
    if (node === null) return skip('no /dev/vfio/devices before Linux 6.6, nor on Debian’s kernels')
    const fd = kernel.open(node, 'rw')
    const busy = { code: 'DEVICE_BUSY', path: node, facts: { device: uuid, users: [{ pid: kernel.pid }] } }
    try {
      await expect(host.stop({ name: uuid })).rejects.toMatchObject(busy)
    } finally {
      kernel.close(fd)
    }
    await host.stop({ name: uuid })
  })
})

test('a host that goes closes what was opened on it and forgotten', async () => {
  const { kernel } = host
  const { name: uuid } = await host.start(mtty)
  const going = new Host(kernel)
  const forgotten = await going.openDevice(uuid)
  await going[Symbol.asyncDispose]()
  expect(forgotten.closed).toBe(true)
  await host.stop({ name: uuid })
})

test('two starts of one UUID at once: one makes it, the other finds it made', async () => {
  const uuid = randomUUID()
  const changes = await Promise.all([host.start({ name: uuid, ...mtty }), host.start({ name: uuid, ...mtty })])
  expect(changes.map(({ changed }) => changed).sort()).toEqual([false, true])
})
