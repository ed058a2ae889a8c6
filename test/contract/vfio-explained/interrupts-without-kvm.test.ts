// An interrupt is an eventfd: a counter that the kernel raises. Who waits at its other end (this process, another one,
// KVM's irqfd) is not the device's business. It is the same the other way round: an eventfd that does a write (ioeventfd).

import { setTimeout } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { kernelOrder } from '../../../src/base/byte-order.ts'
import type { contractKernel } from '../kernel.ts'
import { openPci } from '../pci.ts'
import { error } from './host.ts'

const edu = { interruptStatus: 0x24, raise: 0x60, acknowledge: 0x64 } as const

test('an interrupt is a number that anyone can read who has the eventfd', async (context) => {
  const { device, kernel } = await openPci(context, 'edu')
  device.pci.busMaster = true
  await using irq = device.irqs.msi.enable([0])
  const eventfd = irq.eventfd(0) // to hand to a VMM, which gives it to KVM

  device.regions.bar0.write32(edu.raise, 1)
  const count = await readEventfd(kernel, eventfd)
  expect(count).toBe(1n)
  device.regions.bar0.write32(edu.acknowledge, 1)
})

test('another’s eventfd does as well, and stays its owner’s', async (context) => {
  const { device, kernel } = await openPci(context, 'edu')
  device.pci.busMaster = true
  const eventfd = kernel.eventfd()
  const irq = device.irqs.msi.enable([{ vector: 0, eventfd }])
  device.regions.bar0.write32(edu.raise, 1)
  device.regions.bar0.write32(edu.acknowledge, 1)
  expect(await readEventfd(kernel, eventfd)).toBe(1n)

  irq.close()
  expect(() => kernel.close(eventfd)).not.toThrow()
})

test('what is no eventfd is refused', async (context) => {
  const { device, kernel } = await openPci(context, 'edu')
  const container = kernel.open('/dev/vfio/vfio', 'rw')
  expect(() => device.irqs.msi.enable([{ vector: 0, eventfd: container }])).toThrow(error('INVALID_ARGUMENT'))
  kernel.close(container)
})

test('an ioeventfd is a doorbell: whoever signals it has the kernel write to the device', async (context) => {
  const { device, kernel } = await openPci(context, 'edu')
  const { bar0 } = device.regions
  bar0.write32(edu.acknowledge, 0xffff_ffff)
  using doorbell = bar0.ioeventfd({ offset: edu.raise, width: 32, value: 0x4 })
  kernel.write(doorbell.eventfd, Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0)) // as KVM does when a guest writes there
  while (bar0.read32(edu.interruptStatus) !== 0x4) await setTimeout(1)
  bar0.write32(edu.acknowledge, 0x4)
})

/** Waits until the counter is not 0; reading it takes it away. */
async function readEventfd(kernel: ReturnType<typeof contractKernel>['kernel'], eventfd: number): Promise<bigint> {
  await new Promise<void>((resolve) => {
    const watch = kernel.watch(eventfd, () => {
      watch.close()
      resolve()
    })
  })
  const counter = new DataView(new ArrayBuffer(8))
  kernel.read(eventfd, new Uint8Array(counter.buffer))
  return counter.getBigUint64(0, kernelOrder)
}
