// Lets a serial port tell by MSI that it is ready for the next byte, and waits for it.
import { openHost } from 'vfioctl'

const host = openHost({ mock: 'demo' })
try {
  const { name } = await host.start({ parent: 'mtty', type: 'mtty-1' })
  const device = await host.openDevice(name)
  const irq = device.irqs.msi.enable([0])
  device.regions.bar0.write8(1, 2) // interrupt enable register: transmitter empty
  const event = await irq.next({ timeoutMs: 1000 })
  console.log(`vector ${event.vector} came ${event.count} time`)
} finally {
  await host.close()
}
