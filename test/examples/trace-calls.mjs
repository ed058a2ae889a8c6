// Counts the system calls that opening a device takes.
import { subscribe } from 'node:diagnostics_channel'
import { openHost } from 'vfioctl'

const counts = new Map()
subscribe('vfioctl:syscall', ({ name }) => counts.set(name, (counts.get(name) ?? 0) + 1)) // before the host is opened
const host = openHost({ mock: 'demo' })
try {
  const { name } = await host.start({ parent: 'mtty', type: 'mtty-1' })
  const device = await host.openDevice(name)
  device.close()
  console.log(
    `opened: ${counts.get('open')}, closed: ${counts.get('close')}, refused or not: ${counts.get('ioctl') > 0}`,
  )
} finally {
  await host.close()
}
