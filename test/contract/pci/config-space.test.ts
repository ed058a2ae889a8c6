import { describe, expect, test } from 'vitest'
import { openDevice } from '../../../src/vfio/device.ts'
import { openMdev } from '../open-mdev.ts'
import { openPci, type PciName } from '../pci.ts'

const pciDevices = ['edu', 'edu-root-port', 'e1000e', 'nvme', 'xhci'] as const

describe.each(pciDevices)('A1 the configuration space of %s', (name) => {
  test('has the ids that sysfs shows', async (context) => {
    const { device, kernel, address } = await openPci(context, name)
    const { vendorId, deviceId, classCode, programmingInterface, revisionId } = device.pci.configSpace().header
    const sysfs = (attribute: string) => Number(kernel.files.read(`/sys/bus/pci/devices/${address}/${attribute}`))
    expect({ vendorId, deviceId, revisionId, class: (classCode << 8) | programmingInterface }).toEqual({
      vendorId: sysfs('vendor'),
      deviceId: sysfs('device'),
      revisionId: sysfs('revision'),
      class: sysfs('class'),
    })
  })

  test('has bus master off when it is opened, and keeps it on or off', async (context) => {
    const { pci, regions } = (await openPci(context, name)).device
    expect(pci.busMaster).toBe(false)
    for (const on of [true, false, true]) {
      pci.busMaster = on
      expect([pci.busMaster, (regions.config.read16(4) & 0x4) !== 0]).toEqual([on, on])
    }
  })

  test('keeps memory decode on or off, and the other switches as they were', async (context) => {
    const { pci } = (await openPci(context, name)).device
    const { command } = pci.configSpace().header
    expect(pci.memoryDecode).toBe(true)
    pci.memoryDecode = false
    expect([pci.memoryDecode, pci.configSpace().header.command]).toEqual([false, command & ~0x2])
    pci.memoryDecode = true
    expect(pci.configSpace().header.command).toBe(command)
  })
})

test('opening edu anew turns memory decoding on that was left off', async (context) => {
  const { device, kernel, group, address } = await openPci(context, 'edu')
  device.pci.memoryDecode = false
  device.close()
  using again = openDevice(kernel, { group, name: address })
  expect([again.pci.memoryDecode, again.regions.bar0.read32(0)]).toEqual([true, 0x0100_00ed])
})

describe('the capabilities of', () => {
  async function capabilities(context: Parameters<typeof openPci>[0], name: PciName) {
    const space = (await openPci(context, name)).device.pci.configSpace()
    return {
      standard: space.capabilities.map((it) => it.name),
      extended: space.extendedCapabilities.map((it) => it.name),
      all: [...space.capabilities, ...space.extendedCapabilities],
    }
  }

  test('edu are MSI alone, of one vector', async (context) => {
    const { standard, extended, all } = await capabilities(context, 'edu')
    expect([standard, extended]).toEqual([['msi'], []])
    expect(all).toMatchObject([{ offset: 0x40, fields: { vectors: 1, address64: true, maskable: false } }])
  })

  test('e1000e are in the order of its list, and extended ones beyond', async (context) => {
    const { standard, extended, all } = await capabilities(context, 'e1000e')
    expect(standard).toEqual(['power-management', 'msi', 'pci-express', 'msi-x'])
    expect(extended).toEqual(['advanced-error-reporting', 'device-serial-number'])
    expect(all).toContainEqual(
      expect.objectContaining({ name: 'msi-x', fields: expect.objectContaining({ vectors: 5, tableBar: 3 }) }),
    )
  })

  test('nvme are function level reset and virtual functions, too', async (context) => {
    const { standard, all } = await capabilities(context, 'nvme')
    expect([...standard].sort()).toEqual(['msi-x', 'pci-express', 'power-management'])
    expect(all).toContainEqual(
      expect.objectContaining({ name: 'pci-express', fields: expect.objectContaining({ functionLevelReset: true }) }),
    )
    expect(all).toContainEqual(
      expect.objectContaining({ name: 'sr-iov', fields: expect.objectContaining({ totalVfs: 4, numVfs: 0 }) }),
    )
  })
})

describe('the configuration space of a mediated device', () => {
  test('mtty: 255 bytes, no capabilities, and a command register that keeps nothing', async (context) => {
    const { pci } = (await openMdev(context, 'mtty', 'mtty-1')).device
    const { header, capabilities, extendedCapabilities } = pci.configSpace()
    expect(header).toMatchObject({ vendorId: 0x4348, deviceId: 0x3253, command: 1, classCode: 0x0700 })
    expect([capabilities, extendedCapabilities]).toEqual([[], []])
    pci.busMaster = true
    expect(pci.busMaster).toBe(false)
  })

  test('mdpy: a vendor-specific capability of 16 bytes', async (context) => {
    const { pci } = (await openMdev(context, 'mdpy', 'mdpy-vga')).device
    expect(pci.configSpace().capabilities).toMatchObject([{ name: 'vendor-specific', fields: { length: 16 } }])
  })
})
