// Allocates memory that a device can reach, at an address of the device's own.
import { openHost } from 'vfioctl'

const host = openHost({ mock: 'demo' })
try {
  const { name } = await host.start({ parent: 'mtty', type: 'mtty-1' })
  const device = await host.openDevice(name)
  const buffer = await device.dma.allocate(4096)
  buffer.view().set(new TextEncoder().encode('for the device'))
  // a driver would now write buffer.iova into a register of the device
  console.log(`${buffer.view().length} bytes at 0x${buffer.iova.toString(16)}, by ${device.iommuMode}`)
  buffer.close()
} finally {
  await host.close()
}
