// In the virtual machine, on real devices: `node in-guest.mjs CALLS RESULTS` writes them as JSON.
import fs from 'node:fs'
import { openHost } from '../../dist/index.js'
import { CProgram } from './c-program.mjs'
import { interrupts } from './interrupts.mjs'
import { mappings } from './mappings.mjs'
import { bulk, mappedRead, trapped } from './regions.mjs'

const [, , calls, results] = process.argv
const c = new CProgram(calls)
const address = '0000:00:03.0'
/** edu's registers: what it is, and one that holds what is written. */
const registers = { read: 0x0, write: 0x4 }
const host = openHost()

bindToVfioPci(address)
const cases = [...(await mediated()), ...(await passedThrough())]
fs.writeFileSync(
  results,
  JSON.stringify({ kernel: fs.readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim(), cases }),
)

async function mediated() {
  const { name } = await host.start({ parent: 'mtty', type: 'mtty-2' })
  const device = await host.openDevice(name)
  const place = { name: 'mtty', fd: descriptorOf('anon_inode:[vfio-device]'), region: device.regions.config }
  // its interrupt line, which means nothing to a mediated device
  const cases = await trapped(c, { ...place, read: 0x0, write: 0x3c }, 3000)
  device.close()
  await host.stop({ name })
  return cases
}

async function passedThrough() {
  const device = await host.openDevice(address, { iommu: 'type1v2' })
  device.pci.memoryDecode = true
  const place = { name: 'edu', fd: descriptorOf('anon_inode:[vfio-device]'), region: device.regions.bar0 }
  const enabled = device.irqs.msi.enable([0])
  const cases = [
    ...(await trapped(c, { ...place, ...registers }, 3000)),
    await mappedRead(c, place, 10_000),
    ...(await bulk(c, place, { trapped: 20, mapped: 20 })),
    ...(await interrupts(c, host.kernel, enabled, enabled.eventfd(0), { there: 1000, woken: 100 })),
  ]
  enabled.close()
  cases.push(...(await mappings(c, device, descriptorOf('/dev/vfio/vfio'))))
  device.close()
  return cases
}

/** This process has one. */
function descriptorOf(link) {
  const fds = fs.readdirSync('/proc/self/fd').filter((fd) => linkOf(fd) === link)
  if (fds.length !== 1) throw new Error(`${fds.length} descriptors are ${link}`)
  return Number(fds[0])
}

/** The descriptor that listed the folder is gone. */
function linkOf(fd) {
  try {
    return fs.readlinkSync(`/proc/self/fd/${fd}`)
  } catch {
    return null
  }
}

function bindToVfioPci(device) {
  const path = `/sys/bus/pci/devices/${device}`
  fs.writeFileSync(`${path}/driver_override`, 'vfio-pci')
  fs.writeFileSync('/sys/bus/pci/drivers_probe', device)
}
