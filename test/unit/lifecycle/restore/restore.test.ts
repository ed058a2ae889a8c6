import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { systemError } from '../../../../src/base/system-error.ts'
import { boundDriver } from '../../../../src/host/group-members.ts'
import type { Kernel } from '../../../../src/kernel/kernel.ts'
import { bind } from '../../../../src/lifecycle/bindings/bind.ts'
import { list } from '../../../../src/lifecycle/kinds/list.ts'
import { define } from '../../../../src/lifecycle/kinds/mdev/define.ts'
import { start } from '../../../../src/lifecycle/kinds/mdev/start.ts'
import { type RestoreRequest, restore } from '../../../../src/lifecycle/restore/restore.ts'
import { keptBindings } from '../../../../src/lifecycle/settings/bindings.ts'
import { createMockKernel } from '../../../../src/mock/kernel/mock-kernel.ts'
import { demo } from '../../../../src/mock/shipped/demo.ts'
import { stub } from '../../stub.ts'

const gpu = '0000:3b:00.0'
const first = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1001'
const second = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1002'
const third = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1003'

function mock(): Kernel {
  const kernel = createMockKernel('demo')
  onTestFinished(() => kernel.dispose())
  return kernel
}

/** The same host, on which nothing tells of devices. */
function untold(kernel: Kernel): Kernel {
  return new Proxy(kernel, {
    get(target, name) {
      if (name === 'watchUevents') return async () => null
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

function define4Q(kernel: Kernel, uuid: string, more: { attributes?: { name: string; value: string }[] } = {}) {
  return define(kernel, { uuid, parent: gpu, type: 'nvidia-232', start: 'auto', ...more })
}

function defineTty(kernel: Kernel, uuid: string) {
  return define(kernel, { uuid, parent: 'mtty', type: 'mtty-2', start: 'auto' })
}

/** The card's driver lets go of it, and with it what the card offers. */
function takeAway({ files }: Kernel) {
  return files.write(`/sys/bus/pci/drivers/nvidia/unbind`, gpu)
}

function giveBack({ files }: Kernel) {
  return files.write(`/sys/bus/pci/drivers/nvidia/bind`, gpu)
}

function active({ files }: Kernel): string[] {
  return list(files, { active: true }).devices.map(({ name }) => name)
}

/** A restore under way, with what it has told. */
function under(kernel: Kernel, request: RestoreRequest = {}) {
  const told: string[] = []
  const restored = restore(kernel, {
    ...request,
    onResult: ({ outcome, name }) => told.push(`${outcome} ${name}`),
    onWaiting: (parent) => told.push(`waiting for ${parent}`),
  })
  return { told, restored }
}

/** The same call, which an I/O error ends at one path. */
function failingAt<T>(call: (path: string) => T, broken: string): (path: string) => T {
  return (path) => {
    if (path === broken) throw systemError('EIO', 'lstat', path)
    return call(path)
  }
}

describe('what is defined to start by itself', () => {
  test('starts beside what nobody can make or read: that is told, each once', async () => {
    const disk = {
      ...demo.disk,
      [`/etc/mdevctl.d/mtty/${first}`]: '{"mdev_type":"mtty-2","start":"auto"}',
      [`/etc/mdevctl.d/mtty/${second}`]: '{"mdev_type":"mtty-2","start":"auto","attrs":[{"../x":"1"}]}',
      [`/etc/mdevctl.d/nowhere/${third}`]: '{"mdev_type":"mtty-2","start":"auto","attrs":[{"../x":"1"}]}',
      '/etc/vfioctl.d/vgpus/..json': '{"parent":"0000:41:00.0","type":"1157","start":"auto","attributes":[]}',
      '/etc/vfioctl.d/bindings/x\u001b.json': '{"driver":"vfio-pci","vendor":"0x8086","device":"0x1234"}',
    }
    const kernel = createMockKernel({ ...demo, disk })
    onTestFinished(() => kernel.dispose())
    const { results, warnings } = await restore(kernel, { timeoutMs: 0 })
    expect(results.map(({ name, outcome, error }) => [name, outcome, error?.code])).toEqual([
      ['vfio-pci', 'no-parent', 'NOT_FOUND'],
      [first, 'started', undefined],
      [second, 'failed', 'INVALID_ARGUMENT'],
      [third, 'failed', 'INVALID_ARGUMENT'],
    ])
    expect(warnings.map(({ path }) => path)).toEqual(['/etc/vfioctl.d/vgpus/..json'])
  })

  test('starts where others cannot even be looked for', async () => {
    const binding = '{"driver":"vfio-pci","vendor":"0x10de","device":"0x1eb8"}'
    const kernel = createMockKernel({
      ...demo,
      disk: { ...demo.disk, [`/etc/vfioctl.d/bindings/${gpu}.json`]: binding },
    })
    onTestFinished(() => kernel.dispose())
    await defineTty(kernel, first)
    const { files } = kernel
    const kind = files.kind.bind(files)
    vi.spyOn(files, 'kind').mockImplementation(failingAt(kind, `/sys/bus/pci/devices/${gpu}`))
    const { results } = await restore(kernel, { timeoutMs: 0 })
    expect(results.map(({ name, outcome, error }) => [name, outcome, error?.errno ?? error?.message])).toEqual([
      ['vfio-pci', 'failed', 'EIO'],
      [first, 'started', undefined],
    ])
  })

  test('starts, and nothing else does; once more is no change', async () => {
    const kernel = mock()
    await define4Q(kernel, second)
    await define4Q(kernel, first)
    await defineTty(kernel, third)
    await define(kernel, { uuid: '83b8f4f2-509f-382f-3c1e-e6bfe0fa1004', parent: 'mtty', type: 'mtty-1' })
    const { results, warnings } = await restore(kernel)
    expect(warnings).toEqual([])
    expect(results.map(({ name, outcome }) => [name, outcome])).toEqual([
      [first, 'started'],
      [second, 'started'],
      [third, 'started'],
    ])
    expect(active(kernel).sort()).toEqual([first, second, third])
    expect((await restore(kernel)).results.map(({ outcome }) => outcome)).toEqual(Array(3).fill('already-there'))
  })

  test('of one parent alone, named as people name it', async () => {
    const kernel = mock()
    await define4Q(kernel, first)
    await defineTty(kernel, second)
    await restore(kernel, { parent: '3b:00.0' })
    expect(active(kernel)).toEqual([first])
  })

  test('is started once by two restores at the same time', async () => {
    const kernel = mock()
    for (const uuid of [first, second, third]) await define4Q(kernel, uuid)
    const both = await Promise.all([restore(kernel), restore(kernel)])
    const outcomes = both.flatMap(({ results }) => results.map(({ outcome }) => outcome))
    expect(outcomes.sort()).toEqual([...Array(3).fill('already-there'), ...Array(3).fill('started')])
  })

  test('is found there where another tool is quicker', async () => {
    const kernel = mock()
    await defineTty(kernel, first)
    const path = '/sys/class/mdev_bus/mtty/mdev_supported_types/mtty-2/create'
    const write = kernel.files.write.bind(kernel.files)
    vi.spyOn(kernel.files, 'write').mockImplementationOnce(async (at, text) => {
      expect(at).toBe(path)
      await write(at, text)
      await write(at, text)
    })
    expect((await restore(kernel)).results).toMatchObject([{ outcome: 'already-there', error: null }])
  })

  test('stays down where it fails, says why, and keeps nothing else from starting', async () => {
    const kernel = mock()
    await define4Q(kernel, first, { attributes: [{ name: 'no_such', value: '1' }] })
    await define4Q(kernel, second)
    await defineTty(kernel, third)
    const { results } = await restore(kernel)
    expect(results).toMatchObject([
      { name: first, outcome: 'failed', steps: [], error: { code: 'ATTRIBUTE_FAILED', errno: 'ENOENT' } },
      { name: second, outcome: 'started' },
      { name: third, outcome: 'started' },
    ])
  })

  test('is not taken for what runs under its UUID with another type', async () => {
    const kernel = mock()
    await define4Q(kernel, first)
    await start(kernel, { uuid: second, parent: gpu, type: 'nvidia-233' })
    await define(kernel, { uuid: second, parent: 'mtty', type: 'mtty-1', start: 'auto' })
    const { results } = await restore(kernel)
    expect(results).toMatchObject([
      { name: first, outcome: 'failed', error: { code: 'NO_INSTANCE_LEFT' } },
      { name: second, outcome: 'failed', error: { code: 'ALREADY_EXISTS' } },
    ])
  })

  test('is shown by a dry run with its writes, which are not made', async () => {
    const kernel = mock()
    await define4Q(kernel, first)
    await takeAway(kernel)
    const create = `/sys/class/mdev_bus/${gpu}/mdev_supported_types/nvidia-232/create`
    const steps = [{ action: 'write', path: create, value: first }]
    expect((await restore(kernel, { dryRun: true })).results).toMatchObject([{ outcome: 'no-parent', steps }])
    await giveBack(kernel)
    expect((await restore(kernel, { dryRun: true })).results).toMatchObject([{ outcome: 'started', steps }])
    expect(active(kernel)).toEqual([])
  })

  test('is passed over with a warning where its file is broken', async () => {
    const kernel = mock()
    await defineTty(kernel, first)
    await define4Q(kernel, second)
    kernel.files.unlink(`/etc/mdevctl.d/mtty/${first}`)
    kernel.files.create(`/etc/mdevctl.d/mtty/${first}`, '{')
    const { results, warnings } = await restore(kernel)
    expect(results).toMatchObject([{ name: second, outcome: 'started' }])
    expect(warnings).toMatchObject([{ path: `/etc/mdevctl.d/mtty/${first}` }])
  })
})

describe('a driver that was kept for the next boots', () => {
  const sound = '0000:00:1f.3'
  const path = `/sys/bus/pci/devices/${sound}`

  /** Bound, and then as after a boot: the kernel has chosen. */
  async function host() {
    const kernel = mock()
    await bind(kernel, { device: sound })
    await kernel.files.write(`${path}/driver_override`, '\n')
    await kernel.files.write(`${path}/driver/unbind`, sound)
    await kernel.files.write('/sys/bus/pci/drivers_probe', sound)
    expect(boundDriver(kernel.files, `${path}/driver`)).toBe('snd_hda_intel')
    return kernel
  }

  test('gets its device again, and that comes before what starts on it', async () => {
    const kernel = await host()
    await defineTty(kernel, first)
    const { results } = await restore(kernel)
    expect(results).toMatchObject([
      { kind: 'binding', parent: sound, name: 'vfio-pci', outcome: 'started' },
      { kind: 'mdev', name: first, outcome: 'started' },
    ])
    expect(boundDriver(kernel.files, `${path}/driver`)).toBe('vfio-pci')
    expect((await restore(kernel)).results[0]).toMatchObject({ outcome: 'already-there', steps: [] })
  })

  test('is not given another card that stands at its address now', async () => {
    const kernel = await host()
    const kept = keptBindings.read(kernel.files, sound)
    if (kept !== null) keptBindings.save(kernel.files, sound, { ...kept, device: '0xffff' })
    expect((await restore(kernel)).results).toMatchObject([{ outcome: 'failed', error: { code: 'NOT_SUPPORTED' } }])
    expect(boundDriver(kernel.files, `${path}/driver`)).toBe('snd_hda_intel')
  })

  test('is loaded first, where its module is not', async () => {
    const kernel = await host()
    const kept = keptBindings.read(kernel.files, sound)
    if (kept !== null) keptBindings.save(kernel.files, sound, { ...kept, driver: 'pci-stub' })
    const [failed] = (await restore(kernel)).results
    expect(failed).toMatchObject({
      outcome: 'failed',
      error: { code: 'NOT_FOUND', hint: expect.stringContaining('modprobe pci-stub') },
    })
    kernel.files.makeDirectory('/sbin')
    kernel.files.create('/sbin/modprobe', '')
    const [planned] = (await restore(kernel, { dryRun: true })).results
    expect(planned?.steps[0]).toEqual({ action: 'run', path: '/sbin/modprobe', arguments: ['--', 'pci-stub'] })
    expect(planned?.steps.slice(1)).toMatchObject([
      { path: `${path}/driver_override`, value: 'pci-stub' },
      { path: `${path}/driver/unbind` },
      { path: '/sys/bus/pci/drivers_probe' },
    ])
  })

  test('fails with what modprobe said of its module', async () => {
    const kernel = await host()
    const kept = keptBindings.read(kernel.files, sound)
    if (kept !== null) keptBindings.save(kernel.files, sound, { ...kept, driver: 'pci-stub' })
    kernel.files.makeDirectory('/sbin')
    kernel.files.create('/sbin/modprobe', '')
    const stderr = "modprobe: ERROR: could not insert 'pci_stub': Key was rejected by service\n"
    const end = { status: 1, timedOut: false, stdout: '', stderr }
    const { results } = await restore(stub(kernel, { runProgram: async () => end }))
    expect(results).toMatchObject([
      {
        outcome: 'failed',
        error: {
          code: 'NOT_FOUND',
          message: expect.stringMatching(/; modprobe -- pci-stub ended with 1: .*: Key was rejected by service$/),
        },
      },
    ])
  })

  test('waits for its device, which was named, until time is up, and gets it as it is plugged in', async () => {
    const kernel = await host()
    await kernel.files.write(`${path}/remove`, '1')
    const { results } = await restore(kernel, { parent: sound, timeoutMs: 50 })
    expect(results).toMatchObject([{ outcome: 'no-parent', error: { code: 'NOT_FOUND', facts: { device: sound } } }])
    const restored = restore(kernel, { parent: sound })
    await kernel.files.write('/sys/bus/pci/rescan', '1')
    expect((await restored).results).toMatchObject([{ outcome: 'started' }])
  })
})

describe.each([
  ['told of by the kernel', (kernel: Kernel) => kernel],
  ['looked for, where nothing tells of it', untold],
])('a parent that is not there yet, %s', (_, seenBy) => {
  beforeEach(() => {
    vi.useFakeTimers()
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  async function host() {
    const kernel = mock()
    await define4Q(kernel, first)
    await define4Q(kernel, second)
    await defineTty(kernel, third)
    await takeAway(kernel)
    return kernel
  }

  test('is waited for, and nobody waits with it', async () => {
    const kernel = await host()
    const { told, restored } = under(seenBy(kernel))
    await vi.advanceTimersByTimeAsync(10_000)
    expect(told).toEqual([`waiting for ${gpu}`, `started ${third}`])
    await giveBack(kernel)
    await vi.advanceTimersByTimeAsync(500)
    expect((await restored).results.map(({ outcome }) => outcome)).toEqual(['started', 'started', 'started'])
    expect(told.slice(2)).toEqual([`started ${first}`, `started ${second}`])
    expect(vi.getTimerCount()).toBe(0)
  })

  test('is waited for when the clock is set, as while a host boots', async () => {
    const kernel = await host()
    const { told, restored } = under(seenBy(kernel))
    vi.setSystemTime(Date.now() + 3_600_000)
    await vi.advanceTimersByTimeAsync(10_000)
    await giveBack(kernel)
    await vi.advanceTimersByTimeAsync(500)
    await restored
    expect(told.slice(2)).toEqual([`started ${first}`, `started ${second}`])
  })

  test('is told as missing when time is up, and not before', async () => {
    const kernel = await host()
    const { told, restored } = under(seenBy(kernel), { timeoutMs: 30_000 })
    await vi.advanceTimersByTimeAsync(29_999)
    expect(told).toEqual([`waiting for ${gpu}`, `started ${third}`])
    await vi.advanceTimersByTimeAsync(1)
    expect((await restored).results).toMatchObject([
      { name: first, outcome: 'no-parent', error: { code: 'NOT_FOUND', facts: { parent: gpu } } },
      { name: second, outcome: 'no-parent' },
      { name: third, outcome: 'started' },
    ])
    expect((await restored).results[0]?.error?.message).toContain('the device is there, and no driver has it')
    expect(vi.getTimerCount()).toBe(0)
  })

  test('is not waited for any longer once the restore is called off', async () => {
    const kernel = await host()
    const interruption = new AbortController()
    const { restored } = under(seenBy(kernel), { signal: interruption.signal })
    await vi.advanceTimersByTimeAsync(5000)
    interruption.abort()
    expect((await restored).results).toMatchObject([
      { outcome: 'failed', error: { code: 'INTERRUPTED' } },
      { outcome: 'failed', error: { code: 'INTERRUPTED' } },
      { outcome: 'started' },
    ])
  })
})
