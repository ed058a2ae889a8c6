import { describe, expect, it } from 'vitest'
import { type WatchedEvent, watchIrq } from '../../src/cli/device/irq-watch.ts'
import { openPci } from '../contract/pci.ts'

const { signal } = new AbortController()
const never = { interruption: signal, readerGone: signal }

describe('watching the interrupts of edu', () => {
  it.for(['intx', 'msi'] as const)(
    'tells each that the device raises by %s, and ends at the count',
    async (name, context) => {
      const { device } = await openPci(context, 'edu')
      device.pci.busMaster = true
      const told: WatchedEvent[] = []
      const watching = watchIrq(device, device.irqs.get(name), null, { ...never, count: 2 }, (event) => {
        told.push(event)
        acknowledge()
        if (told.length === 1) raise()
      })
      const raise = () => device.regions.bar0.write32(0x60, 1)
      const acknowledge = () => device.regions.bar0.write32(0x64, 1)
      raise()
      await watching
      expect(told).toMatchObject([
        { device: device.name, irq: name, vector: 0, count: 1 },
        { device: device.name, irq: name, vector: 0, count: 1 },
      ])
    },
  )

  it('ends with INTERRUPTED, and says how many there were', async (context) => {
    const { device } = await openPci(context, 'edu')
    const interruption = new AbortController()
    const watching = watchIrq(device, device.irqs.intx, null, { ...never, interruption: interruption.signal }, () => {
      interruption.abort()
    })
    device.regions.bar0.write32(0x60, 1)
    await expect(watching).rejects.toMatchObject({
      code: 'INTERRUPTED',
      message: expect.stringContaining('had 1 event'),
    })
  })
})
