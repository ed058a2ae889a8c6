// A mediated driver has no DMA engine between itself and the guest: it is software, and reads and writes memory by the
// guest's addresses through the container's translations (vfio_dma_rw). What is not mapped, or not allowed, it cannot
// reach.
import { expect, test } from 'vitest'
import { type DeviceContext, MdevModel, TrappedRegion } from '../../../src/mock.ts'
import { error, openModel } from './host.ts'

const page = 4096

/** A coprocessor: the guest puts text into its memory and writes the address; the text is answered in capitals. */
class Shouter extends MdevModel {
  readonly #address = new DataView(new ArrayBuffer(8))

  constructor(context: DeviceContext) {
    super(context)
    this.addRegion(
      0,
      new TrappedRegion({
        size: 16,
        write: (offset, value) => {
          if (offset < 8) this.#address.setUint32(offset, value, true)
          else this.#shout(value)
        },
      }),
    )
  }

  #shout(length: number): void {
    const { memory } = this.context
    const address = this.#address.getBigUint64(0, true)
    const text = new Uint8Array(length)
    memory.read(address, text)
    memory.write(address, Buffer.from(Buffer.from(text).toString().toUpperCase()))
  }
}

test('the driver finds the guest’s memory at the guest’s address, across mappings', async () => {
  const { device } = await openModel(Shouter)
  const { bar0 } = device.regions
  await using first = await device.dma.allocate(page, { iova: 0x10_0000n })
  await using second = await device.dma.allocate(page, { iova: 0x10_1000n })
  first.view().set(Buffer.from('he'), page - 2)
  second.view().set(Buffer.from('llo'))

  bar0.write64(0, 0x10_1000n - 2n)
  bar0.write32(8, 5)
  expect(Buffer.from(first.view().subarray(-2)).toString()).toBe('HE')
  expect(Buffer.from(second.view().subarray(0, 3)).toString()).toBe('LLO')
})

test('what is not mapped, or only for reading, it does not reach', async () => {
  const { device } = await openModel(Shouter)
  const { bar0 } = device.regions
  bar0.write64(0, 0x20_0000n)
  expect(() => bar0.write32(8, 5)).toThrow(error('SYSTEM_CALL_FAILED', { errno: 'EINVAL' }))

  await using readable = await device.dma.allocate(page, { iova: 0x20_0000n, access: 'r' })
  expect(() => bar0.write32(8, 5)).toThrow(error('SYSTEM_CALL_FAILED', { errno: 'EPERM' }))
  expect(readable.view()[0]).toBe(0)
})

test('when the mapping is gone, so is the way to the memory', async () => {
  const { device } = await openModel(Shouter)
  const { bar0 } = device.regions
  const buffer = await device.dma.allocate(page)
  bar0.write64(0, buffer.iova)
  bar0.write32(8, 1)
  buffer.close()
  expect(() => bar0.write32(8, 1)).toThrow(error('SYSTEM_CALL_FAILED', { errno: 'EINVAL' }))
})
