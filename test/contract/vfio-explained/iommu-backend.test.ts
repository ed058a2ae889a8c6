// A container holds devices behind an IOMMU and mediated ones without. For the latter it only keeps the translations: the
// driver pins a page when it needs it, counts who uses it, maps it for its hardware once, and lets it go at the last
// unpin. When the process unmaps, pinned pages are asked back. A page is charged against the memlock limit once.
import { expect, test } from 'vitest'
import { type DeviceContext, MdevModel, TrappedRegion } from '../../../src/mock.ts'
import { bindPci } from '../pci.ts'
import { hostOf, openModel } from './host.ts'

const page = 4096
const readWrite = { read: true, write: true }

/** Takes a guest address at 0x0; writing 1 to 0x8 pins its page, 0 unpins it. Its hardware then writes there by DMA. */
class CommandRing extends MdevModel {
  hardwareAddress = 0n
  readonly asked: bigint[] = []
  readonly #address = new DataView(new ArrayBuffer(8))

  constructor(context: DeviceContext) {
    super(context)
    const { memory } = context
    this.addRegion(
      0,
      new TrappedRegion({
        size: 16,
        write: (offset, value) => {
          if (offset < 8) this.#address.setUint32(offset, value, true)
          else if (value === 1) this.#pin()
          else memory.unpin(this.#iova, 1)
        },
      }),
    )
    memory.onUnmap((iova, size) => {
      this.asked.push(iova)
      memory.unpin(iova, Number(size) / page)
    })
  }

  get #iova(): bigint {
    return this.#address.getBigUint64(0, true)
  }

  #pin(): void {
    const { memory, bus } = this.context
    memory.pin(this.#iova, 1, readWrite)
    this.hardwareAddress = memory.dmaAddress(this.#iova)
    bus.write(this.hardwareAddress, Uint8Array.of(0x42))
  }
}

test('mapping for a mediated device locks nothing; pinning a page does, once however often it is pinned', async () => {
  const { mock, device } = await openModel(CommandRing)
  await using buffer = await device.dma.allocate(4 * page)
  expect(mock.inspect.mapped).toMatchObject([{ iova: buffer.iova, size: BigInt(4 * page) }])
  expect(mock.inspect.lockedBytes).toBe(0n)

  const { bar0 } = device.regions
  bar0.write64(0, buffer.iova)
  bar0.write32(8, 1)
  bar0.write32(8, 1)
  expect(mock.inspect.pinned).toMatchObject([{ iova: buffer.iova, count: 2 }])
  expect(mock.inspect.lockedBytes).toBe(4096n)

  bar0.write32(8, 0)
  expect(mock.inspect.lockedBytes).toBe(4096n)
  bar0.write32(8, 0)
  expect(mock.inspect.pinned).toEqual([])
  expect(mock.inspect.lockedBytes).toBe(0n)
})

test('unmapping takes pinned pages back: the driver is told, and lets them go', async () => {
  const { mock, device, model } = await openModel(CommandRing)
  const buffer = await device.dma.allocate(page)
  device.regions.bar0.write64(0, buffer.iova)
  device.regions.bar0.write32(8, 1)

  buffer.close()
  expect(model.asked).toEqual([buffer.iova])
  expect(mock.inspect.pinned).toEqual([])
})

test.each([
  { where: 'without an IOMMU, the page’s physical address', parent: 'teaching-card', isPhysical: true },
  { where: 'behind an IOMMU, an address made for it', parent: '0000:3b:00.0', isPhysical: false },
])('the hardware reaches a pinned page by: $where', async ({ parent, isPhysical }) => {
  const { mock, device, model } = await openModel(CommandRing, parent)
  await using buffer = await device.dma.allocate(page)
  device.regions.bar0.write64(0, buffer.iova)
  device.regions.bar0.write32(8, 1)

  expect(model.hardwareAddress === mock.inspect.pinned[0]?.physical).toBe(isPhysical)
  expect(buffer.view()[0]).toBe(0x42)
})

test('one address space holds both kinds: a buffer is mapped once, and both devices find it', async (context) => {
  const { address, kernel, createMdev, remove } = await bindPci(context, 'edu')
  if (kernel.files.kind('/sys/class/mdev_bus/mtty') === null) context.skip('module mtty is not loaded')
  const { uuid } = await createMdev('mtty', 'mtty-2')
  const host = hostOf(kernel, () => remove(uuid))

  const addressSpace = await host.openAddressSpace({ iommu: 'type1v2' })
  const edu = await host.openDevice(address, { addressSpace })
  const mtty = await host.openDevice(uuid, { addressSpace })
  const buffer = await edu.dma.allocate(page)
  expect(mtty.dma.find(buffer.iova)?.buffer).toBe(buffer)
})
