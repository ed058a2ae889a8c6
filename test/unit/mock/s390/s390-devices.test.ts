import { randomUUID } from 'node:crypto'
import { expect, onTestFinished, test } from 'vitest'
import type { KernelVersion } from '../../../../src/mock/base/kernel-traits.ts'
import { createMockKernel } from '../../../../src/mock/kernel/mock-kernel.ts'
import type { Scenario, ScenarioParent } from '../../../../src/mock/scenario/scenario.ts'
import { type Device, openDevice } from '../../../../src/vfio/device.ts'

function parent(kind: 'vfio-ap' | 'vfio-ccw', name: string): ScenarioParent {
  return {
    name,
    virtualClass: name,
    driver: kind,
    module: kind,
    deviceApi: kind,
    capacity: { instances: 4 },
    oneTypeAtATime: false,
    whenFull: 'ENOSPC',
    attributes: [],
    types: [{ id: `${kind}-x`, name: kind, description: null, uses: { instances: 1 }, model: { kind } }],
  }
}

async function open(kind: 'vfio-ap' | 'vfio-ccw', version: KernelVersion): Promise<Device> {
  const machine: Scenario = {
    name: 'z',
    kernel: version,
    modules: { vfio: {}, mdev: {}, vfio_iommu_type1: {} },
    pci: [],
    parents: [parent(kind, 'z')],
    disk: {},
  }
  const kernel = createMockKernel(machine)
  onTestFinished(() => kernel.dispose())
  const uuid = randomUUID()
  await kernel.files.write(`/sys/class/mdev_bus/z/mdev_supported_types/${kind}-x/create`, uuid)
  const link = kernel.files.readlink(`/sys/bus/mdev/devices/${uuid}/iommu_group`)
  return openDevice(kernel, { group: Number(link.split('/').at(-1)), name: uuid })
}

test.for([
  ['6.1', []],
  ['6.12', ['req']],
  ['7', ['req', 'cfg-chg']],
] as const)('a crypto matrix has no regions, a reset, and the interrupts of Linux %s', async ([version, irqs]) => {
  using device = await open('vfio-ap', version)
  expect(device.info).toMatchObject({ flags: { ap: true, reset: true, pci: false }, numRegions: 0 })
  expect([...device.regions]).toEqual([])
  expect(Array.from(device.irqs, ({ name, count }) => [name, count])).toEqual(irqs.map((name) => [name, 1]))
  await device.reset()
})

test('a crypto matrix takes an eventfd for its interrupts, and no test shot', async () => {
  using device = await open('vfio-ap', '7')
  const irq = device.irqs.get('cfg-chg').enable([0])
  expect(() => irq.trigger(0)).toThrow(expect.objectContaining({ errno: 'EINVAL' }))
  irq.close()
})

test('a channel device has its regions by their types, and three interrupts', async () => {
  using device = await open('vfio-ccw', '7')
  expect(device.info).toMatchObject({ flags: { ccw: true, reset: true }, numRegions: 4, numIrqs: 3 })
  expect(Array.from(device.regions, ({ size, flags }) => [size, flags.write])).toEqual([
    [124, true],
    [8, true],
    [52, false],
    [8, false],
  ])
  const config = device.regions.get('config')
  config.write32(0, 0x1234_5678)
  expect(config.read32(0)).toBe(0x1234_5678)
  using irq = device.irqs.get('io').enable([0])
  irq.trigger(0)
  expect(await irq.next({ timeoutMs: 1000 })).toEqual({ vector: 0, count: 1 })
})
