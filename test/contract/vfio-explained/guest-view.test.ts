// A guest may have any set of devices, from any groups, in one address space: its own memory, at its own addresses. Each
// device is plugged and unplugged by itself while the others work, so each is opened and closed by itself. How they are
// laid out for the guest (all on bus 0, behind one bridge, a bridge for each group) follows from their groups.
import { expect, test } from 'vitest'
import { Host } from '../../../src/index.ts'
import { createMockHost } from '../../../src/mock.ts'
import { bindPci } from '../pci.ts'
import { hostOf } from './host.ts'

const page = 4096
const scratch = 7

test('devices of several groups share the guest’s memory; one is unplugged, and the rest go on', async (context) => {
  const edu = await bindPci(context, 'edu')
  const e1000e = await bindPci(context, 'e1000e', edu)
  const host = hostOf(edu.kernel)
  const addressSpace = await host.openAddressSpace({ iommu: 'type1v2' })
  const first = await host.openDevice(edu.address, { addressSpace })
  const second = await host.openDevice(e1000e.address, { addressSpace })
  expect(first.group).not.toBe(second.group)

  const memory = await first.dma.allocate(page, { iova: 0x10_0000n })
  first.close()
  expect(second.dma.find(0x10_0000n)?.buffer).toBe(memory)
  expect(second.regions.config.read16(0)).toBe(0x8086)

  const again = await host.openDevice(edu.address, { addressSpace })
  expect(again.dma.find(0x10_0000n)?.buffer).toBe(memory)
})

test('a device that is pulled out asks its user to let go, and only its own is lost', async () => {
  const mock = createMockHost('demo')
  await using host = new Host(mock.kernel)
  const started = [
    await host.start({ parent: '0000:3b:00.0', type: 'nvidia-232' }),
    await host.start({ parent: 'mtty', type: 'mtty-1' }),
  ]
  const [gpu = '', serial = ''] = started.map(({ name }) => name)
  const addressSpace = await host.openAddressSpace()
  const pulled = await host.openDevice(gpu, { addressSpace })
  const kept = await host.openDevice(serial, { addressSpace })

  const gone = mock.unplug(gpu)
  expect(() => pulled.regions.bar0.read32(0)).toThrow(/EIO/)
  kept.regions.bar0.write8(scratch, 0x5a)
  expect(kept.regions.bar0.read8(scratch)).toBe(0x5a)

  pulled.close()
  await gone
  expect(host.list().devices.map(({ name }) => name)).toEqual([serial])
})

test('the groups say which devices cannot be told apart, and so which share a bridge', async (context) => {
  const { kernel } = await bindPci(context, 'edu-shared-1')
  const host = hostOf(kernel)
  const layout = new Map(host.groups().groups.map(({ number, devices }) => [number, devices.map(({ name }) => name)]))
  const together = [...layout.values()].find((names) => names.includes('0000:02:01.0'))
  expect(together).toContain('0000:02:02.0')
  const alone = [...layout.values()].find((names) => names.includes('0000:00:03.0'))
  expect(alone).toEqual(['0000:00:03.0'])
})
