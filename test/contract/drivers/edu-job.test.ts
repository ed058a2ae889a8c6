import { expect, test } from 'vitest'
import { openPci } from '../pci.ts'
import { Edu, onboard } from './edu-driver.ts'

const timeoutMs = 20_000
test('edu computes a factorial and says so by an interrupt', async (context) => {
  const { device } = await openPci(context, 'edu')
  device.pci.busMaster = true
  const edu = device.regions.bar0.as(Edu)
  await using irq = device.irqs.get('msi').enable([0])
  edu.status.write({ interruptWhenDone: true })
  edu.factorial.write(10)
  expect(await irq.next({ timeoutMs })).toEqual({ vector: 0, count: 1 })
  expect(edu.interruptStatus.read()).toBe(0x1)
  edu.interruptAcknowledge.write(0x1)
  expect(edu.factorial.read()).toBe(3_628_800)
  expect(edu.status.fields().computing).toBe(false)
})

test('edu copies memory in and out by DMA, each time with an interrupt', async (context) => {
  const { device } = await openPci(context, 'edu', { addressBits: 28 })
  device.pci.busMaster = true
  const edu = device.regions.bar0.as(Edu)
  await using irq = device.irqs.get('msi').enable([0])
  await using from = await device.dma.allocate(4096)
  await using to = await device.dma.allocate(4096)
  expect(from.iova < 1n << 28n && to.iova < 1n << 28n).toBe(true)
  // 4095 at most: QEMU before 8 takes a whole page for one too many, and aborts.
  const bytes = Uint8Array.from({ length: 4095 }, (_, i) => (i * 7 + 3) & 0xff)
  from.view().set(bytes)

  const copy = async (source: bigint, destination: bigint, toMemory: boolean): Promise<void> => {
    edu.dmaSource.write(source)
    edu.dmaDestination.write(destination)
    edu.dmaCount.write(BigInt(bytes.length))
    edu.dmaCommand.write({ run: true, toMemory, interruptWhenDone: true })
    expect(await irq.next({ timeoutMs })).toEqual({ vector: 0, count: 1 })
    expect(edu.interruptStatus.read()).toBe(0x100)
    edu.interruptAcknowledge.write(0x100)
  }
  await copy(from.iova, onboard, false)
  expect(
    to
      .view()
      .subarray(0, bytes.length)
      .some((byte) => byte !== 0),
  ).toBe(false)
  await copy(onboard, to.iova, true)
  expect(Buffer.compare(to.view().subarray(0, bytes.length), bytes)).toBe(0)
})
