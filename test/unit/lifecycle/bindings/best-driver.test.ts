import { expect, onTestFinished, test } from 'vitest'
import { boundDriver } from '../../../../src/host/group-members.ts'
import { Host } from '../../../../src/host.ts'
import { bind } from '../../../../src/lifecycle/bindings/bind.ts'
import { bindKept } from '../../../../src/lifecycle/bindings/bind-kept.ts'
import type { BindRequest } from '../../../../src/lifecycle/bindings/binding-change.ts'
import { release } from '../../../../src/lifecycle/bindings/release.ts'
import { makePlan } from '../../../../src/lifecycle/plan/make-plan.ts'
import { keptBindings } from '../../../../src/lifecycle/settings/bindings.ts'
import { parseSpec } from '../../../../src/lifecycle/spec/parse-spec.ts'
import type { ScenarioVariantDriver } from '../../../../src/mock/scenario/scenario.ts'
import { createMockHost } from '../../../../src/mock-host.ts'
import { card, edu, pciScenario } from '../../mock/pci/pci-scenario.ts'

/** A module whose driver has a name of its own, without 'vfio' in it. */
const variant: ScenarioVariantDriver = {
  module: 'edu_variant',
  driver: 'edu-live',
  aliases: ['v00001234d000011E8sv*sd*bc00sc*i*'],
}
const wider: ScenarioVariantDriver = { module: 'any_edu', aliases: ['v00001234d000011E8sv*sd*bc*sc*i*'] }

function mock(...variantDrivers: ScenarioVariantDriver[]) {
  return mockWith({}, ...variantDrivers)
}

function mockWith(disk: Readonly<Record<string, string>>, ...variantDrivers: ScenarioVariantDriver[]) {
  const mocked = createMockHost({
    ...pciScenario,
    kernel: '7',
    modules: { ...pciScenario.modules, iommufd: {} },
    variantDrivers,
    disk: { ...pciScenario.disk, ...disk },
  })
  const host = new Host(mocked.kernel)
  onTestFinished(() => host.close())
  const driver = (address: string) => boundDriver(host.kernel.files, `/sys/bus/pci/devices/${address}/driver`)
  const kept = (address: string) => keptBindings.read(host.kernel.files, address)?.driver ?? null
  return { host, faults: mocked.faults, kernel: host.kernel, driver, kept }
}

test('bind loads the module of the alias with the fewest wildcards; the device opens as with vfio-pci', async () => {
  const { host, kernel, driver, kept } = mock(wider, variant)
  const [change] = await host.bind({ device: edu })
  expect(change).toMatchObject({ to: 'edu-live', changed: true })
  expect(change?.steps[0]).toEqual({ action: 'run', path: '/usr/sbin/modprobe', arguments: ['--', 'edu_variant'] })
  expect([driver(edu), kept(edu)]).toEqual(['edu-live', 'best'])
  const device = await host.openDevice(edu)
  expect(device.info.flags.pci).toBe(true)
  device.close()
  expect(host.groups({ device: edu }).groups).toMatchObject([
    { viable: true, devices: [{ driver: 'edu-live', vfio: true }] },
  ])
  expect(await bind(kernel, { device: edu })).toMatchObject([{ changed: false }])
})

test('a device that no alias names gets vfio-pci, and keeps that the best is asked for', async () => {
  const { kernel, driver, kept } = mock(variant)
  await bind(kernel, { device: card, group: true })
  expect([driver(card), kept(card)]).toEqual(['vfio-pci', 'best'])
})

test('release gives a device back from a driver whose name does not tell of VFIO, kept or not', async () => {
  const { kernel, driver } = mock(variant)
  await bind(kernel, { device: edu, transient: true })
  await kernel.files.write(`/sys/bus/pci/devices/${edu}/driver_override`, '\n')
  await release(kernel, { device: edu })
  expect(driver(edu)).toBe(null)
})

test.each([
  ['vfio-pci', 'vfio-pci'],
  ['vfio_pci', 'vfio-pci'],
  ['edu_variant', 'edu-live'],
  ['edu-variant', 'edu-live'],
  ['edu-live', 'edu-live'],
])('%s names the driver %s, and is kept by its name', async (name, expected) => {
  const { kernel, driver, kept } = mock(variant)
  if (name === 'edu-live') await bind(kernel, { device: card })
  if (name === 'edu-live') await bind(kernel, { device: edu, transient: true })
  await bind(kernel, { device: edu, driver: name })
  expect([driver(edu), kept(edu)]).toEqual([expected, expected])
})

test('a dry run says which driver is best, and that it is loaded first; nothing is loaded', async () => {
  const { kernel } = mock({ ...variant, module: 'mlx5_vfio_pci', driver: 'mlx5_vfio_pci' })
  const said: string[] = []
  const [change] = await bind(kernel, { device: edu }, { dryRun: true, onMessage: (line) => said.push(line) })
  expect(change?.steps.slice(0, 2)).toMatchObject([{ action: 'run' }, { action: 'write', value: 'mlx5_vfio_pci' }])
  expect(said).toEqual([
    expect.stringMatching(
      /^mlx5_vfio_pci is VFIO's best driver for .*: live migration .*\(vfioctl bind \S+ vfio-pci takes/,
    ),
  ])
  expect(kernel.files.kind('/sys/module/mlx5_vfio_pci')).toBe(null)
})

test('a best driver that does not load is NOT_SUPPORTED, with what modprobe said: the device is left as it was', async () => {
  const { kernel, driver, kept } = mock({ ...variant, loadFails: 'Key was rejected by service' })
  await expect(bind(kernel, { device: edu })).rejects.toMatchObject({
    code: 'NOT_SUPPORTED',
    message: expect.stringMatching(/edu_variant.* modprobe -- edu_variant ended with 1: .*Key was rejected by service/),
    hint: expect.stringContaining(`vfioctl bind ${edu} vfio-pci`),
  })
  expect([driver(edu), kept(edu)]).toEqual([null, null])
  await bind(kernel, { device: edu, driver: 'vfio-pci' })
  expect([driver(edu), kept(edu)]).toEqual(['vfio-pci', 'vfio-pci'])
})

test.each([
  ['bes', "'best'"],
  ['BEST', "'best'"],
  ['None', "'none'"],
  ['vfio-pc', "'vfio-pci'"],
])('%s is no driver: did you mean %s?', async (asked, meant) => {
  const { kernel } = mock()
  await expect(bind(kernel, { device: edu, driver: asked })).rejects.toMatchObject({
    code: 'NOT_FOUND',
    hint: expect.stringMatching(new RegExp(`^did you mean ${meant}.*\\? If not: modprobe ${asked}; ls `)),
  })
})

test('a driver with a name like no other is to be loaded', async () => {
  const { kernel } = mock()
  await expect(bind(kernel, { device: edu, driver: 'lpfc' })).rejects.toMatchObject({
    hint: 'modprobe lpfc; ls /sys/bus/pci/drivers',
  })
})

test('what is kept by name is bound by name at boot, and the best anew', async () => {
  const { kernel, driver } = mock(variant)
  const ids = { vendor: '0x1234', device: '0x11e8' }
  const at = { bus: 'pci', name: edu } as const
  await bindKept(kernel, at, { driver: 'vfio-pci', ...ids }, {})
  expect(driver(edu)).toBe('vfio-pci')
  const { steps } = await bindKept(kernel, at, { driver: 'best', ...ids }, {})
  expect(steps[0]).toMatchObject({ action: 'run' })
  expect(driver(edu)).toBe('edu-live')
})

test('a spec without a driver plans the best of each device, and keeps that', () => {
  const { kernel } = mock(variant)
  const spec = parseSpec(`version: 1\nbindings: [{ device: ['${edu}', '${card}'] }]`, 'a.yaml')
  expect(makePlan(kernel, spec).bindings).toMatchObject([
    { device: edu, driver: 'edu_variant', asked: 'best', steps: [{ action: 'run' }, {}, {}, {}] },
    { device: card, driver: 'vfio-pci', asked: 'best' },
  ])
})

test('a modules.alias that cannot be read keeps nobody from a driver that is named', async () => {
  const { faults, kernel, driver } = mock()
  const release = kernel.files.read('/proc/sys/kernel/osrelease').trim()
  faults.fail({ call: 'files.read', path: `/lib/modules/${release}/modules.alias`, nth: 1 }, 'EIO')
  const ask = (request: BindRequest) => bind(kernel, request)
  await expect(ask({ device: edu })).rejects.toMatchObject({ code: 'SYSTEM_CALL_FAILED', errno: 'EIO' })
  await ask({ device: edu, driver: 'vfio-pci' })
  expect(driver(edu)).toBe('vfio-pci')
})

test('restore tells the driver by its name on the bus, which nothing knew before its module was loaded', async () => {
  const kept = keptBindings.format({ driver: 'best', vendor: '0x1234', device: '0x11e8' })
  const { host, driver } = mockWith({ [keptBindings.path(edu)]: kept }, variant)
  expect((await host.restore()).results).toMatchObject([{ outcome: 'started', parent: edu, name: 'edu-live' }])
  expect(driver(edu)).toBe('edu-live')
})
