import { describe, expect, onTestFinished, test } from 'vitest'
import { specExampleFile, specExamples } from '../../../../src/cli/output/spec-examples.ts'
import { Host } from '../../../../src/host.ts'
import { itemName, itemsOf } from '../../../../src/lifecycle/wanted/plan.ts'
import { createMockKernel, MockKernel } from '../../../../src/mock/kernel/mock-kernel.ts'
import type { Scenario } from '../../../../src/mock/scenario/scenario.ts'
import { a40Host as a40 } from '../../../../src/mock/shipped/a40-host.ts'
import { gpuHost } from '../../../../src/mock/shipped/gpu-host.ts'
import { shipped } from '../../../../src/mock/shipped/shipped.ts'

const [nic, ssd] = ['0000:81:00.0', '0000:82:00.0']
const uuid = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1001'

function mockHost(scenario: string | Scenario) {
  const named = typeof scenario === 'string' ? Object.values(shipped).find(({ name }) => name === scenario) : scenario
  const host = new Host(createMockKernel(named ?? expect.fail(`no simulated host ${scenario}`)))
  onTestFinished(() => host[Symbol.asyncDispose]())
  return { host }
}

/** What a plan of it would change: action, name and reason of each. */
async function changesBy(host: Host, spec: string | object): Promise<string[]> {
  const plan = await host.plan(spec)
  return itemsOf(plan).flatMap((it) => (it.action === 'keep' ? [] : [`${it.action} ${itemName(it)}: ${it.reason}`]))
}

async function apply(host: Host, spec: string | object): Promise<void> {
  const { failed } = await host.apply(await host.plan(spec))
  expect(failed).toEqual([])
}

describe('the host as a spec file', () => {
  for (const [name, example] of Object.entries(specExamples)) {
    test(`has all that the example ${name} asks for, and a plan of it has nothing to do`, async () => {
      const { host } = mockHost(example.mock)
      const before = await host.export()
      await apply(host, specExampleFile(example))
      const { spec, text, notKept, warnings } = await host.export()
      expect(before.notKept).toEqual(expect.arrayContaining([...notKept]))
      expect(warnings).toEqual([])
      expect(await changesBy(host, text)).toEqual([])
      expect(await changesBy(host, spec)).toEqual([])
      expect(await changesBy(host, specExampleFile(example))).toEqual([])
    })

    test(`makes another such host the same, by the example ${name}`, async () => {
      const { host } = mockHost(example.mock)
      await apply(host, specExampleFile(example))
      const { text } = await host.export()
      const { host: other } = mockHost(example.mock)
      await apply(other, text)
      expect((await other.export()).text).toBe(text)
    })
  }

  test('is a file of no parents if nothing is kept', async () => {
    const { host } = mockHost('demo')
    expect(await host.export()).toEqual({
      spec: { version: 1, parents: [] },
      text: 'version: 1\nparents: []\n',
      notKept: [],
      warnings: [],
    })
    expect(await changesBy(host, 'version: 1\nparents: []\n')).toEqual([])
  })
})

describe('what nobody keeps', () => {
  test('of running devices without a definition is named, and goes in to be defined if it is adopted', async () => {
    const { host } = mockHost('demo')
    await host.start({ name: uuid, parent: 'mtty', type: 'mtty-2' })
    const without = await host.export()
    expect(without.spec).toEqual({ version: 1, parents: [] })
    expect(without.notKept).toEqual([`${uuid} on mtty`])
    const { spec, text, notKept } = await host.export({ adopt: true })
    expect(spec).toEqual({ version: 1, parents: [{ parent: 'mtty', devices: [{ type: 'mtty-2', uuid }] }] })
    expect(text).toContain('- type: mtty-2 # Dual port serial; runs, and is not defined\n')
    expect(notKept).toEqual([])
    await apply(host, text)
    expect(host.list().devices).toMatchObject([{ name: uuid, active: true, definition: { start: 'auto' } }])
    expect((await host.export()).spec).toEqual(spec)
  })

  test('of virtual functions goes in if the card can be told to have so many', async () => {
    const { host } = mockHost('gpu-host')
    await host.setVirtualFunctions({ device: nic, count: 2, autoprobe: false }, {})
    const spec = { version: 1, parents: [{ parent: nic, sriov: { count: 2, autoprobe: false } }] }
    const adopted = await host.export({ adopt: true })
    expect(adopted.spec).toEqual(spec)
    expect(adopted.warnings).toEqual([
      {
        path: '/sys/bus/pci/devices/0000:41:00.0',
        message:
          "is left out with its 4 virtual functions: NVIDIA's driver makes all 32 virtual functions of 0000:41:00.0 or none",
      },
    ])
  })

  test('of drivers is VFIO’s where they are bound, and driverctl’s overrides; what vfioctl keeps comes first', async () => {
    const overrides = [
      ['0000:81:01.2', 'none'],
      ['pci-0000:81:01.0', 'nvme'],
      [`pci-${ssd}`, 'vfio-pci'],
      ['pci-0000:ff:00.0', 'vfio-pci'],
      ['notes', 'x'],
    ]
    const disk = Object.fromEntries(overrides.map(([name, driver]) => [`/etc/driverctl.d/${name}`, `${driver}\n`]))
    const { host } = mockHost({ ...gpuHost, disk })
    await host.setVirtualFunctions({ device: nic, count: 3, autoprobe: false }, {})
    await host.bind({ device: '0000:81:01.0' })
    await host.bind({ device: '0000:81:01.1', transient: true })
    const kept = await host.export()
    expect(kept.spec.bindings).toEqual([{ device: { card: nic, virtfn: 0 }, driver: 'best' }])
    expect(kept.notKept).toEqual([
      '4 virtual functions of 0000:41:00.0',
      'driver none of 0000:81:01.2 (by driverctl)',
      `driver vfio-pci of ${ssd} (by driverctl)`,
      'driver vfio-pci of 0000:81:01.1 (bound, and not kept)',
    ])
    const { spec, text } = await host.export({ adopt: true, only: ['81:00.0', '82:00.0'] })
    expect(spec.bindings).toEqual([
      { device: { card: nic, virtfn: 0 }, driver: 'best' },
      { device: { card: nic, virtfn: 2 }, driver: 'none' },
      { device: ssd, driver: 'vfio-pci' },
      { device: { card: nic, virtfn: 1 }, driver: 'vfio-pci' },
    ])
    expect(text).toContain('driver: none # by driverctl\n')
  })
})

describe('what comes with the functions that a card keeps', () => {
  test('is missing to nobody before they are there, as a boot finds them, and is all in the file after restore', async () => {
    const [vf, card] = ['0000:41:00.4', '0000:41:00.0']
    const kernel = new MockKernel(a40, {})
    const before = new Host(kernel)
    await before.setVirtualFunctions({ device: card, count: 'all' })
    await before.define({ name: uuid, parent: vf, type: 'nvidia-558', start: 'auto' })
    await before.bind({ device: '0000:41:00.5' })
    const { spec } = await before.export()
    expect(spec.parents).toEqual([
      { parent: card, sriov: 16 },
      { parent: vf, devices: [{ type: 'nvidia-558', uuid }] },
    ])
    const { disk } = kernel.machine.store.read()
    await before.close()
    const { host } = mockHost({ ...a40, disk })
    const { spec: booted, warnings } = await host.export()
    expect(booted.bindings).toEqual(spec.bindings)
    expect(booted.parents).toEqual([{ parent: card, sriov: 16 }])
    // a file cannot name a mediated device by its UUID before the driver makes its parent one of those
    expect(warnings).toEqual([{ path: uuid, message: `is left out: its parent ${vf} is not there` }])
    const { findings } = await host.doctor()
    expect(findings.filter(({ id }) => id === 'kept-for-absent-device')).toEqual([])
    await host.restore()
    expect((await host.export()).spec).toEqual(spec)
    expect(await changesBy(host, spec)).toEqual([])
  })
})

describe('only some parents', () => {
  test('are a card with its settings, functions and devices, and nothing else', async () => {
    const { host } = mockHost('gpu-host')
    await host.setVirtualFunctions({ device: nic, count: 1, autoprobe: false }, {})
    await host.bind({ device: '0000:81:01.0' })
    await host.bind({ device: ssd })
    await host.define({ name: uuid, parent: '0000:3b:00.0', type: 'nvidia-222', start: 'auto' })
    expect((await host.export({ only: ['81:00.0'] })).spec).toEqual({
      version: 1,
      bindings: [{ device: { card: nic, virtfn: 0 }, driver: 'best' }],
      parents: [{ parent: nic, sriov: { count: 1, autoprobe: false } }],
    })
    expect((await host.export({ only: ['3b:00.0'] })).spec).toEqual({
      version: 1,
      parents: [{ parent: '0000:3b:00.0', devices: [{ type: 'nvidia-222', uuid }] }],
    })
  })

  test('that the host does not have are refused, not passed over', async () => {
    const { host } = mockHost('demo')
    await expect(host.export({ only: ['mty'] })).rejects.toThrow(/no parent 'mty'.*mtty/)
  })
})

describe('what is kept and cannot go in', () => {
  test('is a definition that is to be started on demand, which a file cannot say', async () => {
    const { host } = mockHost('demo')
    await host.define({ name: uuid, parent: 'mtty', type: 'mtty-2' })
    const { spec, warnings } = await host.export()
    expect(spec).toEqual({ version: 1, parents: [] })
    const message = 'is left out: it starts on demand, and a file would start it on mtty'
    expect(warnings).toEqual([{ path: uuid, message }])
    await host.start({ name: uuid })
    const running = await host.export()
    const devices = [{ type: 'mtty-2', uuid, autostart: false }]
    expect(running.spec).toEqual({ version: 1, parents: [{ parent: 'mtty', devices }] })
    expect(await changesBy(host, running.text)).toEqual([])
  })

  test('is said with its file, and the rest goes on', async () => {
    const disk = {
      '/etc/vfioctl.d/bindings/0000:ff:00.0.json': JSON.stringify({
        driver: 'best',
        vendor: '0x8086',
        device: '0x1521',
      }),
      [`/etc/vfioctl.d/bindings/${ssd}.json`]: JSON.stringify({ driver: 'best', vendor: '0x8086', device: '0x1521' }),
      '/etc/vfioctl.d/sriov/0000:ff:00.0.json': JSON.stringify({ count: 2 }),
      '/etc/vfioctl.d/gpu-modes/0000:ff:00.0.json': JSON.stringify({
        heterogeneous: true,
        vendor: '0x10de',
        device: '0x2bb5',
      }),
      [`/etc/mdevctl.d/0000:ff:00.0/${uuid}`]: JSON.stringify({ mdev_type: 'nvidia-222', start: 'auto' }),
      '/etc/vfioctl.d/sriov/broken.json': '{',
    }
    const { host } = mockHost({ ...gpuHost, disk })
    const { spec, warnings } = await host.export()
    expect(spec).toEqual({ version: 1, parents: [] })
    const said = warnings.map(({ path, message }) => `${path} ${message}`)
    expect(said).toEqual([
      "/etc/vfioctl.d/sriov/broken.json is no number of virtual functions: Expected property name or '}' in JSON at position 1",
      '/etc/vfioctl.d/sriov/0000:ff:00.0.json is left out: its card is not there',
      '/etc/vfioctl.d/gpu-modes/0000:ff:00.0.json is left out: its card with its virtual functions is not there',
      `${uuid} is left out: its parent 0000:ff:00.0 is not there`,
      `/etc/vfioctl.d/bindings/${ssd}.json is left out: another device is there`,
      '/etc/vfioctl.d/bindings/0000:ff:00.0.json is left out: its device is not there',
    ])
  })
})
