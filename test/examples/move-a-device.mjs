// Moves what one device holds into another of its kind, as live migration does.
import { createMockHost } from 'vfioctl/mock'

const host = createMockHost('demo', { kernel: '6.12' }).host() // mtty migrates from Linux 6.7 on
try {
  const opened = async () => {
    const { name } = await host.start({ parent: 'mtty', type: 'mtty-1' })
    return host.openDevice(name)
  }
  const [from, to] = [await opened(), await opened()]
  from.regions.bar0.write8(7, 0x2a) // the UART's scratch register
  await to.migration.restore(from.migration.save())
  console.log(`the other one has 0x${to.regions.bar0.read8(7).toString(16)}`)
} finally {
  await host.close()
}
