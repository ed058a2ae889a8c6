// A vGPU answers five questions: what it is, its regions, its interrupts, how an interrupt is delivered, and a reset. Of
// ROM, VGA and resets of a whole bus it knows nothing, unless the device says so.
import { expect, test } from 'vitest'
import {
  type DeviceContext,
  MdevModel,
  MessageIrq,
  PciConfig,
  pciIrqIndex,
  pciRegionIndex,
  TrappedRegion,
} from '../../../src/mock.ts'
import { error, openModel, openMtty } from './host.ts'

const { VFIO_PCI_BAR0_REGION_INDEX: bar0, VFIO_PCI_CONFIG_REGION_INDEX: config } = pciRegionIndex
const { VFIO_PCI_MSI_IRQ_INDEX: msi } = pciIrqIndex

test('mtty: a PCI device with two ports, INTx and MSI, and no reset', async (context) => {
  const { device } = await openMtty(context)
  expect(device.info.flags).toMatchObject({ pci: true, reset: false })
  expect(device.info).toMatchObject({ numRegions: 9, numIrqs: 5 })
  const sizes = [...device.regions].map(({ name, size }) => [name, size])
  expect(Object.fromEntries(sizes)).toMatchObject({ bar0: 8, bar1: 8, config: 0xff })
  expect(device.irqs.intx).toMatchObject({ count: 1, flags: { eventfd: true, maskable: true, automasked: true } })
  expect(device.irqs.msi).toMatchObject({ count: 1, flags: { eventfd: true, noresize: true } })
})

/** A device that has what its driver says, and no more. */
class Small extends MdevModel {
  resets = 0

  constructor(context: DeviceContext) {
    super(context)
    this.addRegion(bar0, new TrappedRegion({ size: 0x100 }))
    this.addRegion(config, new PciConfig({ vendor: 0x1234, device: 0x0001, class: 0x12_00_00 }))
    this.addIrq(msi, new MessageIrq(4))
  }
}

/** The same, with a way to reset it. */
class Resettable extends Small {
  override reset(): void {
    this.resets++
  }
}

test('GET_INFO, GET_REGION_INFO and GET_IRQ_INFO say what the driver has', async () => {
  const { device } = await openModel(Small)
  expect(device.info).toMatchObject({ flags: { pci: true, reset: false }, numRegions: 9, numIrqs: 5 })
  expect(device.regions.bar0.size).toBe(0x100)
  expect(device.regions.config.read32(0)).toBe(0x0001_1234)
  expect(device.irqs.msi.count).toBe(4)
})

test('a device has neither ROM nor VGA region unless its driver says so', async () => {
  const { device } = await openModel(Small)
  const sizes = Object.fromEntries([...device.regions].map(({ name, size }) => [name, size]))
  expect(sizes).toMatchObject({ rom: 0, vga: 0 })
})

test('SET_IRQS ties an interrupt to an eventfd', async () => {
  const { device, model } = await openModel(Small)
  await using irq = device.irqs.msi.enable([2])
  model.raise(msi, 2)
  expect(await irq.next({ timeoutMs: 1000 })).toEqual({ vector: 2, count: 1 })
})

test('RESET is there where the device says so, and NOT_SUPPORTED elsewhere', async () => {
  const small = await openModel(Small)
  await expect(small.device.reset()).rejects.toEqual(error('NOT_SUPPORTED'))
  const { device, model } = await openModel(Resettable)
  expect(device.info.flags.reset).toBe(true)
  await device.reset()
  expect(model.resets).toBe(1)
})
