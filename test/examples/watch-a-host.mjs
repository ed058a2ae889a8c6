// Tells of the first device that appears.
import { openHost } from 'vfioctl'

const host = openHost({ mock: 'demo' })
try {
  const changes = host.watch()
  setTimeout(() => host.start({ parent: 'mtty', type: 'mtty-2' }), 100)
  for await (const change of changes) {
    if (change.what !== 'device') continue
    console.log(`${change.change}: ${change.device.type} on ${change.device.parent}`)
    break
  }
} finally {
  await host.close()
}
