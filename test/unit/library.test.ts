import fc from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'
import { VfioError } from '../../src/base/errors.ts'
import type { Host } from '../../src/host.ts'
import { losses, openHost } from '../../src/index.ts'
import { createMockHost, type MockHost } from '../../src/mock.ts'
import { HostTree } from './host-tree.ts'

const running = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1001'
const gpu = '0000:3b:00.0'

async function demo(): Promise<{ mock: MockHost; host: Host }> {
  const mock = createMockHost('demo')
  const host = mock.host()
  onTestFinished(() => host[Symbol.asyncDispose]())
  await host.start({ name: running, parent: 'mtty', type: 'mtty-1' })
  return { mock, host }
}

/** A method by its name, as JavaScript calls it, with whatever. */
async function call(host: Host, name: string, given: readonly unknown[]): Promise<unknown> {
  const method: unknown = Reflect.get(host, name)
  if (typeof method !== 'function') throw new Error(`a host has no ${name}`)
  const answer: unknown = await Reflect.apply(method, host, [...given])
  return answer
}

const text = fc.oneof(
  fc.constantFrom(
    running,
    gpu,
    'mtty',
    'mtty-1',
    'mtty-2',
    'nvidia-222',
    '../x',
    '',
    'a\0b',
    '\u001b[2J',
    'x'.repeat(300),
  ),
  fc.constantFrom('/dev/vfio/1', '/sys/class/net/eth0', '/sys/a\0b', '__proto__', 'auto', 'manual', 'vfio-pci', 'none'),
)
const names = ['name', 'parent', 'type', 'start', 'attributes', 'device', 'driver', 'group', 'count', 'number', 'iommu']
const value = fc.oneof({ weight: 3, arbitrary: text }, { weight: 1, arbitrary: fc.anything() })
const request = fc.dictionary(fc.constantFrom(...names), value, { maxKeys: 5 })
const options = fc.oneof(
  fc.constant(undefined),
  fc.record({ dryRun: fc.oneof(fc.boolean(), fc.anything()), signal: fc.anything() }, { requiredKeys: [] }),
  fc.anything(),
)

test('a group has no number below 0', async () => {
  const { host } = await demo()
  expect(() => host.groups({ number: -5 })).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
  await expect(host.topology({ number: -5 })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
})

test.each([
  ['bind', [{ device: '0000:03:00.0', drvier: 'vfio-pci' }], 'bind: drvier is not known here'],
  ['stop', [{ name: running }, { dryrun: true }], 'stop: dryrun is not known here'],
  ['list', [{ parnet: 'mtty' }], 'list: parnet is not known here'],
  ['openDevice', [running, { iomu: 'iommufd' }], 'openDevice: iomu is not known here'],
] as const)('%s refuses a misspelt name, before anything is done', async (name, given, message) => {
  const { mock, host } = await demo()
  const before = mock.inspect.writes.length
  await expect(call(host, name, given)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', message })
  expect(mock.inspect.writes).toHaveLength(before)
})

test('a device of list, which has more fields than a choice, can be stopped', async () => {
  const { host } = await demo()
  const [device] = host.list({ name: running }).devices
  await call(host, 'stop', [device])
  expect(host.list({ name: running, active: true }).devices).toEqual([])
})

describe('whatever a method is given', () => {
  test.each(['types', 'groups', 'list', 'define', 'undefine', 'modify', 'start', 'stop', 'bind', 'release'])(
    '%s does it, or throws a VfioError; what is no argument changes nothing',
    async (name) => {
      const { mock, host } = await demo()
      await fc.assert(
        fc.asyncProperty(fc.oneof(request, request, fc.anything()), options, async (given, more) => {
          const before = mock.inspect.writes.length
          try {
            await call(host, name, [given, more])
          } catch (error) {
            expect(error).toBeInstanceOf(VfioError)
            if (error instanceof VfioError && error.code === 'INVALID_ARGUMENT') {
              expect(mock.inspect.writes).toHaveLength(before)
            }
          }
          expect(host.list().warnings).toEqual([])
        }),
        { numRuns: 60 },
      )
    },
  )

  test.each(['setVirtualFunctions', 'openDevice', 'openAddressSpace', 'watch', 'restore'])(
    '%s does it, or throws a VfioError',
    async (name) => {
      const { host } = await demo()
      await fc.assert(
        fc.asyncProperty(fc.oneof(value, request), options, async (given, more) => {
          await call(host, name, [given, more]).catch((error: unknown) => expect(error).toBeInstanceOf(VfioError))
        }),
        { numRuns: 60 },
      )
    },
  )
})

describe('arguments are what their types say', () => {
  const place = { parent: 'mtty', type: 'mtty-2' }
  test.each([
    ['define', { ...place, start: 'whenever' }, 'start'],
    ['define', { ...place, start: true }, 'start'],
    ['define', { ...place, attributes: [{ name: 'x', value: 5 }] }, 'attributes.0.value'],
    ['define', { ...place, attributes: [{ name: 'x' }] }, 'attributes.0.value'],
    ['start', { ...place, parent: 5 }, 'parent'],
    ['stop', {}, 'name'],
    ['stop', undefined, 'its argument'],
    ['modify', { name: running, addAttribute: { name: 'a', value: 'b', index: '0' } }, 'addAttribute.index'],
    ['setVirtualFunctions', { device: gpu, count: Number.NaN }, 'count'],
    ['bind', { device: gpu, group: 'yes' }, 'group'],
    ['watch', { signal: { aborted: false } }, 'signal'],
  ])('%s(%j): the error names %s, and nothing is written', async (name, given, at) => {
    const { mock, host } = await demo()
    const before = mock.inspect.writes.length
    const error: unknown = await call(host, name, [given]).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ name: 'VfioError', code: 'INVALID_ARGUMENT' })
    expect(error).toHaveProperty('message', expect.stringContaining(`${name}: ${at} `))
    expect(mock.inspect.writes).toHaveLength(before)
  })

  test('openDevice takes an address space of a host, and nothing that only is an object', async () => {
    const { host } = await demo()
    for (const addressSpace of [{}, [], host]) {
      await expect(call(host, 'openDevice', [running, { addressSpace }])).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
        message: 'openDevice: addressSpace must be an address space, as host.openAddressSpace gives',
      })
    }
  })

  test('a getter that throws is an argument that cannot be read', async () => {
    const { host } = await demo()
    const request = {
      get name() {
        throw new Error('no')
      },
    }
    await expect(call(host, 'stop', [request])).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: 'stop: its argument cannot be read',
    })
  })

  test.each([
    ['define', { ...place }],
    ['start', { ...place }],
    ['stop', { name: running }],
    ['undefine', { name: running }],
    ['bind', { device: '0000:00:1f.3' }],
    ['release', { device: '0000:00:1f.3' }],
  ])('%s does nothing where it was aborted before', async (name, given) => {
    const { mock, host } = await demo()
    const before = mock.inspect.writes.length
    await expect(call(host, name, [given, { signal: AbortSignal.abort() }])).rejects.toMatchObject({
      code: 'INTERRUPTED',
    })
    expect(mock.inspect.writes).toHaveLength(before)
  })
})

describe('a call of the kernel that nobody foresaw to fail', () => {
  test.each([
    ['define', 'tryLock', undefined, [{ parent: 'mtty', type: 'mtty-2' }]],
    ['start', 'files.readlink', undefined, [{ name: running, parent: 'mtty', type: 'mtty-1' }]],
    ['stop', 'files.readlink', undefined, [{ name: running }]],
  ] as const)('%s: a failed %s is a VfioError with its errno', async (name, failing, path, given) => {
    const { mock, host } = await demo()
    mock.faults.fail({ call: failing, ...(path === undefined ? {} : { path }) }, 'EIO')
    await expect(call(host, name, given)).rejects.toMatchObject({ name: 'VfioError', errno: 'EIO' })
  })

  test.each([
    ['list', '/sys/bus/mdev/devices'],
    ['list', '/sys/bus/pci/devices'],
    ['types', '/sys/class/mdev_bus'],
    ['types', '/sys/bus/pci/devices'],
    ['groups', '/sys/kernel/iommu_groups'],
    ['groups', '/sys/kernel/iommu_groups/1/devices'],
  ])('%s: a folder that cannot be listed is one warning with its path, and the rest is there', async (name, path) => {
    const { mock, host } = await demo()
    mock.faults.fail({ call: 'files.list', path }, 'EACCES')
    const { warnings } = listing(await call(host, name, []))
    expect(warnings).toEqual([{ path, message: 'cannot be read: permission denied (EACCES)' }])
  })
})

function listing(answer: unknown): { warnings: unknown } {
  if (typeof answer === 'object' && answer !== null && 'warnings' in answer) return { warnings: answer.warnings }
  throw new Error('no listing')
}

describe('a spec from code', () => {
  const spec = (count: number) => ({ version: 1, parents: [{ parent: 'mtty', devices: [{ type: 'mtty-2', count }] }] })

  test('is planned and applied, and then there is nothing left to do', async () => {
    const host = createMockHost('demo').host()
    onTestFinished(() => host.close())
    const plan = await host.plan(spec(2))
    expect(plan.entries.map(({ action, kind }) => [action, kind])).toEqual([
      ['create', 'mdev'],
      ['create', 'mdev'],
    ])
    const seen: string[] = []
    const { done, failed } = await host.apply(plan, { onProgress: (item) => seen.push(item.kind) })
    expect([done.length, failed, seen]).toEqual([2, [], ['mdev', 'mdev']])
    expect((await host.plan(JSON.stringify(spec(2)))).entries.every(({ action }) => action === 'keep')).toBe(true)
    expect(losses(await host.plan(spec(1)))).toEqual([
      expect.stringMatching(/^remove [0-9a-f-]{36} on mtty \(mtty-2\): /),
    ])
  })

  test('is tried without doing it: what would be done, or why it cannot be', async () => {
    const host = createMockHost('gpu-host').host()
    onTestFinished(() => host.close())
    const plan = await host.plan({ version: 1, parents: [{ parent: '81:00.0', sriov: 2 }] })
    expect(await host.apply(plan, { dryRun: true })).toEqual({
      done: [],
      failed: [],
      takenBack: [],
      remaining: plan.sriov,
    })
    expect(host.physicalFunctions({ device: '81:00.0' }).functions).toMatchObject([{ count: 0 }])
    const devices = [{ type: 'GRID T4-16Q', count: 1000 }]
    const noRoom = await host.plan({ version: 1, parents: [{ parent: '3b:00.0', devices }] })
    await expect(host.apply(noRoom, { dryRun: true })).rejects.toMatchObject({ code: 'NO_INSTANCE_LEFT' })
  })

  test('is refused with the place that is wrong, and a plan of another host is none of this one', async () => {
    const [host, other] = [createMockHost('demo').host(), createMockHost('demo').host()]
    onTestFinished(() => host.close())
    onTestFinished(() => other.close())
    await expect(
      host.plan({ version: 1, parents: [{ parent: 'mtty', devices: [{ typ: 'x' }] }] }),
    ).rejects.toMatchObject({ code: 'INVALID_SPEC', message: expect.stringContaining('parent 1, device 1') })
    const circle: { self?: unknown } = {}
    circle.self = circle
    await expect(host.plan(circle)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    const plan = await other.plan(spec(1))
    await expect(host.apply(plan)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    await expect(other.apply({ ...plan })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    expect(host.list().devices).toEqual([])
  })
})

describe('what a device is', () => {
  test('is found out by any form of its name, and the device is closed again', async () => {
    const { mock, host } = await demo()
    const found = await host.inspect(running.slice(0, 8))
    expect(found).toMatchObject({
      virtualDevice: { name: running, parent: 'mtty', type: 'mtty-1', users: [] },
      group: { viable: true, users: [] },
      device: { name: running, numRegions: 9, regions: { 7: { name: 'config', size: '0xff' } } },
      addressSpace: { mode: 'type1v2', pageSize: 4096, ranges: [{ first: '0x0', last: '0xffffffffffffffff' }] },
      config: { header: { vendorId: 0x4348 } },
      warnings: [],
    })
    expect(JSON.parse(JSON.stringify(found))).toEqual(found)
    expect(mock.inspect.open).toEqual([])
  })

  test('of what only is defined, or has another driver, says what opens it', async () => {
    const { host } = await demo()
    const { name } = await host.define({ parent: 'mtty', type: 'mtty-2' })
    await expect(host.inspect(name)).rejects.toMatchObject({ code: 'NOT_FOUND', hint: `vfioctl start ${name}` })
    await expect(host.inspect(gpu)).rejects.toMatchObject({ code: 'NOT_SUPPORTED', hint: `vfioctl bind ${gpu}` })
    await expect(call(host, 'inspect', [5])).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })
})

test('physical functions are shown, all or one; a device that is none says so', () => {
  const host = createMockHost('gpu-host').host()
  onTestFinished(() => host.close())
  const { functions } = host.physicalFunctions()
  expect(functions.length).toBeGreaterThan(1)
  const port = functions.filter(({ address }) => address === '0000:81:00.0')
  expect(host.physicalFunctions({ device: '81:00.0' })).toEqual({ functions: port, warnings: [] })
  for (const [device, code] of [
    ['99:00.0', 'NOT_FOUND'],
    ['82:00.0', 'NOT_SUPPORTED'],
    ['mtty', 'NOT_FOUND'],
  ] as const) {
    expect(() => host.physicalFunctions({ device })).toThrow(expect.objectContaining({ code }))
  }
})

test('what runs at boot is installed, told and removed', async () => {
  const { host } = await demo()
  const program = ['/usr/bin/node', '/usr/lib/node_modules/vfioctl/dist/bin/vfioctl.cjs']
  const before = await host.boot.status()
  expect(before.installed).toBe(false)
  const { steps } = await host.boot.install({ program, live: false, dryRun: true })
  expect(await host.boot.status()).toEqual(before)
  expect((await host.boot.install({ program, live: false })).steps).toEqual(steps)
  expect(await host.boot.status()).toEqual({
    installed: true,
    files: steps.map(({ path }) => ({ path, state: 'written' })),
    early: null,
  })
  const [path = ''] = before.files.map((file) => file.path)
  host.kernel.files.unlink(path)
  host.kernel.files.create(path, 'of somebody else')
  expect((await host.boot.status()).files[0]).toEqual({ path, state: 'foreign' })
  expect((await host.boot.remove({ live: false })).steps).toHaveLength(before.files.length - 1)
  const wrong: unknown = Reflect.apply(host.boot.install, host.boot, [{ program, live: 'yes' }])
  await expect(wrong).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: expect.stringContaining('boot.install: live must be true'),
  })
})

test('what is asked for right before the host is closed comes to nothing', async () => {
  const { mock, host } = await demo()
  const asked = [host.openDevice(running), host.openAddressSpace(), host.inspect(running)]
  await host.close()
  for (const one of asked) await expect(one).rejects.toMatchObject({ code: 'CLOSED' })
  expect(mock.inspect.open).toEqual([])
})

test('a host below another root is read there, opens nothing of this one, and a root that is none is refused', async () => {
  const uuid = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1777'
  const tree = new HostTree().directory('sys/bus/pci/devices')
  tree.file(`etc/mdevctl.d/mtty/${uuid}`, JSON.stringify({ mdev_type: 'mtty-1', start: 'auto', attrs: [] }))
  const host = openHost({ root: tree.root })
  onTestFinished(() => host.close())
  expect(host.list().devices).toMatchObject([{ name: uuid, parent: 'mtty', active: false }])
  await expect(host.openDevice(uuid)).rejects.toBeInstanceOf(VfioError)
  expect(() => openHost({ root: '/nosuch' })).toThrow(expect.objectContaining({ code: 'NOT_FOUND' }))
})
