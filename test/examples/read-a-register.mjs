// Starts a mediated device, opens it, and reads a register of its configuration space.
import { openHost } from 'vfioctl'

const host = openHost({ mock: 'demo' }) // openHost(): this machine
try {
  const { name } = await host.start({ parent: 'mtty', type: 'mtty-1' })
  const device = await host.openDevice(name)
  const id = device.regions.config.read32(0)
  console.log(`vendor and device: 0x${id.toString(16)}`)
} finally {
  await host.close() // and what was opened
}
