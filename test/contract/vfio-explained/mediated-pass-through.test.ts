// With direct assignment a mapping is complete once mmap() returns. A mediated driver owns the hardware and hands out
// pieces: its mmap() may succeed with nothing behind it. At the first touch of a page the processor faults and the driver
// picks what is there; and it can take its pages back, so that the next touch faults again.
import { expect, test } from 'vitest'
import { type DeviceContext, MdevModel, MemoryRegion, PciConfig, pciRegionIndex } from '../../../src/mock.ts'
import { openPci } from '../pci.ts'
import { error, openModel } from './host.ts'

const page = 4096
const { VFIO_PCI_CONFIG_REGION_INDEX: config } = pciRegionIndex

/** A GPU with two pages of memory, shared out by a driver. It hands pages out only while memory decoding is on. */
class MediatedGpu extends MdevModel {
  readonly touched: number[] = []
  /** The piece of the real card that this device has at the moment. */
  slice = new Uint8Array(2 * page).fill(0xaa)

  readonly #config = this.addRegion(
    config,
    new PciConfig({
      vendor: 0x10de,
      device: 0x1eb8,
      class: 0x03_00_00,
      bars: { 0: 2 * page },
      onDecode: () => this.bar0.takeBack(),
    }),
  )

  readonly bar0: MemoryRegion = this.addRegion(
    0,
    new MemoryRegion({
      size: 2 * page,
      mmap: {
        fault: (number) => {
          if (!this.#config.isMemoryOn) return false
          this.touched.push(number)
          return this.slice.subarray(number * page, (number + 1) * page)
        },
      },
    }),
  )

  /** After a reset, another piece. */
  override reset(): void {
    this.slice = new Uint8Array(2 * page).fill(0xbb)
    this.bar0.takeBack()
  }
}

test('nothing is there at mmap(): the driver picks each page at its first touch', async () => {
  const { device, model } = await openModel(MediatedGpu)
  device.pci.memoryDecode = true
  using mapped = device.regions.bar0.map()
  expect(model.touched).toEqual([])

  expect(mapped.read8(page)).toBe(0xaa)
  expect(mapped.read8(page + 1)).toBe(0xaa)
  expect(model.touched).toEqual([1])
})

test('a reset takes the pages back, and the same mapping finds what the driver picks next', async () => {
  const { device, model } = await openModel(MediatedGpu)
  device.pci.memoryDecode = true
  using mapped = device.regions.bar0.map()
  expect(mapped.read8(0)).toBe(0xaa)

  await device.reset()
  expect(mapped.read8(0)).toBe(0xbb)
  expect(model.touched).toEqual([0, 0])
})

test('with memory decoding off a touch is refused, an error and no crash; on again, it works', async () => {
  const { device } = await openModel(MediatedGpu)
  device.pci.memoryDecode = true
  using mapped = device.regions.bar0.map()
  mapped.write8(0, 1)

  device.pci.memoryDecode = false
  expect(() => mapped.read8(0)).toThrow(error('DEVICE_MEMORY_GONE'))
  device.pci.memoryDecode = true
  expect(mapped.read8(0)).toBe(1)
})

test('a device that is assigned does the same with its own memory', async (context) => {
  const { device } = await openPci(context, 'edu')
  const identification = 0x0100_00ed
  using mapped = device.regions.bar0.map()
  expect(mapped.read32(0)).toBe(identification)

  device.pci.memoryDecode = false
  expect(() => mapped.read32(0)).toThrow(error('DEVICE_MEMORY_GONE'))
  device.pci.memoryDecode = true
  expect(mapped.read32(0)).toBe(identification)
})

/** Assigned directly: all of it is there, and what is taken back stays away. */
class AssignedGpu extends MdevModel {
  readonly bar0: MemoryRegion

  constructor(context: DeviceContext) {
    super(context)
    this.bar0 = this.addRegion(0, new MemoryRegion({ size: 2 * page, mmap: 'direct' }))
  }
}

test('direct and on fault differ: what is taken back from a direct mapping does not come again', async () => {
  const { device, model } = await openModel(AssignedGpu)
  using mapped = device.regions.bar0.map()
  mapped.write32(0, 7)

  model.bar0.takeBack()
  expect(() => mapped.read32(0)).toThrow(error('DEVICE_MEMORY_GONE'))
  using again = device.regions.bar0.map()
  expect(again.read32(0)).toBe(7)
})
