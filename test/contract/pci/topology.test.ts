import { onTestFinished, type TestContext, test } from 'vitest'
import { readTopology, type TopologyDevice } from '../../../src/host-topology.ts'
import { contractKernel } from '../kernel.ts'
import { addresses, type PciName } from '../pci.ts'

/** The machine's PCI devices, each with the name of what is above it. Skips the test if it has none of this name. */
function devicesAndPlaces({ skip }: TestContext, name: PciName): Map<string, readonly [above: string, TopologyDevice]> {
  const { kernel } = contractKernel()
  onTestFinished(() => kernel.dispose())
  const places = new Map<string, readonly [string, TopologyDevice]>()
  const add = (above: string, children: readonly TopologyDevice[]) => {
    for (const device of children) {
      places.set(device.name, [above, device])
      add(device.name, device.children)
    }
  }
  for (const root of readTopology(kernel).roots) add(root.name, root.children)
  return places.has(addresses[name]) ? places : skip(`the machine has no ${name}`)
}

test('a device alone behind a root port can be reset by a reset of its bus', (context) => {
  const [above, device] = devicesAndPlaces(context, 'edu-root-port').get(addresses['edu-root-port']) ?? []
  context.expect(above).toBe('0000:00:04.0')
  context.expect(device).toMatchObject({ canReset: true, resetMethods: ['bus'], accessControl: 'none', children: [] })
})

test('devices behind one conventional bridge are below it, and none of them can be reset alone', (context) => {
  const places = devicesAndPlaces(context, 'edu-shared-1')
  for (const name of ['edu-shared-1', 'edu-shared-2'] as const) {
    const [above, device] = places.get(addresses[name]) ?? []
    context.expect(above).toBe('0000:00:05.0')
    // the kernel lists `bus` for the first, which it found when that was alone
    context.expect(device).toMatchObject({ canReset: false, resetMethods: [] })
  }
})

test('a device on the root bus is on pci0000:00', (context) => {
  const [above, device] = devicesAndPlaces(context, 'edu').get(addresses.edu) ?? []
  context.expect(above).toBe('pci0000:00')
  context.expect(device).toMatchObject({ vendor: '0x1234', canReset: false, accessControl: 'none' })
})
