// The group is the unit of isolation: devices that an IOMMU cannot tell apart go to one owner together. The device is
// the unit of assignment: it comes out of its group by name. Devices of several groups share a container, to which
// mappings belong. A group is usable only when all its devices are with VFIO or without a driver ("viable").
import { expect, test } from 'vitest'
import { Host } from '../../../src/index.ts'
import { createMockHost } from '../../../src/mock.ts'
import { bindPci } from '../pci.ts'
import { hostOf, openMtty } from './host.ts'

const page = 4096

test('a device comes from its group by name, which for a mediated device is its UUID', async (context) => {
  const { host, device } = await openMtty(context)
  const [virtual] = host.list().devices
  expect(device.name).toBe(virtual?.uuid)
  expect(device.group).toBe(virtual?.group)
})

test('devices of one group are viable together, and share what is mapped', async (context) => {
  const { kernel, address, group } = await bindPci(context, 'edu-shared-1')
  const host = hostOf(kernel)
  const found = host.groups().groups.find(({ number }) => number === group)
  expect(found?.viable).toBe(true)

  const one = await host.openDevice(address, { iommu: 'type1v2' })
  const other = await host.openDevice('0000:02:02.0')
  expect(other.group).toBe(one.group)
  const buffer = await one.dma.allocate(page)
  expect(other.dma.find(buffer.iova)?.buffer).toBe(buffer)
})

test('a group of which the host uses a device is not viable, and the error names that device and its driver', async () => {
  const { kernel } = createMockHost('demo')
  await using host = new Host(kernel)
  const [smbus, sound] = ['0000:00:1f.4', '0000:00:1f.3']
  const folder = `/sys/bus/pci/devices/${smbus}`
  await kernel.files.write(`${folder}/driver_override`, 'vfio-pci')
  await kernel.files.write(`${folder}/driver/unbind`, smbus)
  await kernel.files.write('/sys/bus/pci/drivers_probe', smbus)

  const [group] = host.groups({ device: smbus }).groups
  expect(group).toMatchObject({ viable: false, blockers: [{ name: sound, driver: 'snd_hda_intel' }] })
  await expect(host.openDevice(smbus)).rejects.toThrow(/0000:00:1f.3 is .*snd_hda_intel/)
})

test('mappings belong to the address space that made them', async (context) => {
  const edu = await bindPci(context, 'edu')
  const shared = await bindPci(context, 'edu-shared-1', edu)
  const host = hostOf(edu.kernel)
  const one = await host.openDevice(edu.address, { iommu: 'type1v2' })
  const other = await host.openDevice(shared.address, { iommu: 'type1v2' })
  const buffer = await one.dma.allocate(page, { iova: 0x10_0000n })
  expect(other.dma.find(buffer.iova)).toBeNull()
  // the same address is free there
  const same = await other.dma.allocate(page, { iova: 0x10_0000n })
  expect(same.iova).toBe(buffer.iova)
})
