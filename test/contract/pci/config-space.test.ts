import { describe, expect, test } from 'vitest'
import { openDevice } from '../../../src/vfio/device.ts'
import { openMdev } from '../open-mdev.ts'
import { openPci, type PciName } from '../pci.ts'

const pciDevices = ['edu', 'edu-root-port', 'e1000e', 'nvme', 'xhci'] as const

describe.each(pciDevices)('the configuration space of %s', (name) => {
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

describe("vfio-pci's own MSI registers of edu", () => {
  const msi = 0x40
  const [flags, address, data] = [msi + 2, msi + 4, msi + 12]
  const raise = 0x60
  const acknowledge = 0x64

  test('keep address and data until the device is closed', async (context) => {
    const { device, kernel, group, address: name } = await openPci(context, 'edu')
    const { config } = device.regions
    for (const it of [address, address + 4]) config.write32(it, 0xfee0_1004)
    config.write16(data, 0xabcd)
    expect([config.read32(address), config.read32(address + 4), config.read16(data)]).toEqual([
      0xfee0_1004, 0xfee0_1004, 0xabcd,
    ])
    device.close()
    using again = openDevice(kernel, { group, name })
    const { config: anew } = again.regions
    expect([anew.read16(flags), anew.read32(address), anew.read32(address + 4), anew.read16(data)]).toEqual([
      0x80, 0, 0, 0,
    ])
  })

  test('keep the lower byte of the flags, but neither enable MSI nor have more vectors', async (context) => {
    const { device } = await openPci(context, 'edu')
    const { config } = device.regions
    config.write16(flags, 0xffff)
    expect(config.read16(flags)).toBe(0x8e)
    config.write8(flags, 0)
    expect([config.read16(flags), device.irqs.msi.count]).toEqual([0, 1])
  })

  test('turn MSI off and on that is enabled: edu asserts INTx meanwhile', async (context) => {
    const { device } = await openPci(context, 'edu')
    const { config, bar0 } = device.regions
    device.pci.busMaster = true
    using irq = device.irqs.msi.enable([0])
    const isIntxAsserted = () => (config.read16(6) & 0x8) !== 0
    const raised = () => {
      bar0.write32(raise, 1)
      const asserted = isIntxAsserted()
      bar0.write32(acknowledge, 1)
      return asserted
    }
    expect([raised(), irq.waitSync({ timeoutMs: 1000 })]).toEqual([false, { vector: 0, count: 1 }])
    config.write8(flags, 0x80)
    expect([raised(), isIntxAsserted()]).toEqual([true, false])
    config.write8(flags, 0x81)
    expect([config.read16(flags), raised(), irq.waitSync({ timeoutMs: 1000 })]).toEqual([
      0x81,
      false,
      { vector: 0, count: 1 },
    ])
  })
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
