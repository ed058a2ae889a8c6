import { expect, type TestContext, test } from 'vitest'
import type { Device } from '../../../src/vfio/device.ts'
import { openPci } from '../pci.ts'
import { E1000eAdapter, vectors } from './e1000e-adapter.ts'

const timeoutMs = 20_000
/** For experiments in a local network: no protocol of this number is parsed on the way. */
const etherType = [0x88, 0xb5]

async function openAdapter(context: TestContext): Promise<Device> {
  const { device, name } = await openPci(context, 'e1000e')
  if (name === 'mock') context.skip("the mock's e1000e has memory and no registers")
  return device
}

test('e1000e sends itself frames in loopback, through rings in DMA memory and an MSI-X vector each way', async (context) => {
  const device = await openAdapter(context)
  await using irq = device.irqs.msix.enable([vectors.receive, vectors.transmit, vectors.other])
  const adapter = await E1000eAdapter.start(device)
  expect(adapter.takeFrame()).toBe(null)
  // more than the rings have descriptors, so that they wrap
  for (let count = 0; count < 10; count++) {
    const payload = Uint8Array.from({ length: 46 + 100 * count }, (_, i) => (i * 13 + count) & 0xff)
    const frame = Uint8Array.of(...adapter.address, ...adapter.address, ...etherType, ...payload)
    adapter.send(frame)
    expect(await irq.next({ vector: vectors.receive, timeoutMs })).toEqual({ vector: vectors.receive, count: 1 })
    expect(await irq.next({ vector: vectors.transmit, timeoutMs })).toEqual({ vector: vectors.transmit, count: 1 })
    adapter.acknowledge()
    expect(adapter.isSent(1)).toBe(true)
    expect(adapter.takeFrame()).toEqual(frame)
    expect(adapter.takeFrame()).toBe(null)
  }
})

test('e1000e keeps a frame that is for another address from us', async (context) => {
  const device = await openAdapter(context)
  await using irq = device.irqs.msix.enable([vectors.receive, vectors.transmit])
  const adapter = await E1000eAdapter.start(device)
  const another = Uint8Array.from(adapter.address, (byte, index) => (index === 5 ? byte ^ 1 : byte))
  adapter.send(Uint8Array.of(...another, ...adapter.address, ...etherType, ...new Uint8Array(46)))
  expect(await irq.next({ vector: vectors.transmit, timeoutMs })).toEqual({ vector: vectors.transmit, count: 1 })
  expect([adapter.isSent(1), adapter.takeFrame()]).toEqual([true, null])
})
