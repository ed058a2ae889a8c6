// Measurements on this machine itself, without VFIO: `node bare.mjs CALLS [FLOOR]` prints it as JSON.
import fs from 'node:fs'
import { openLinux } from '../../dist/kernel/linux.js'
import { Descriptor } from '../../dist/vfio/calls/descriptor.js'
import { IrqVector } from '../../dist/vfio/irq/irq-vector.js'
import { IrqWaiting } from '../../dist/vfio/irq/irq-waiting.js'
import { Region } from '../../dist/vfio/region/region.js'
import { allocator } from './allocator.mjs'
import { CProgram } from './c-program.mjs'
import { floorOf } from './floor.mjs'
import { interrupts } from './interrupts.mjs'
import { bulk, mappedRead, trapped } from './regions.mjs'

const c = new CProgram(process.argv[2])
const kernel = openLinux()

/** A file in a region's place. */
function regionOf(fd, name, flags) {
  const descriptor = new Descriptor(kernel, fd, name)
  const info = { index: 0, flags, size: 4096n, offset: 0n, capabilities: [] }
  return { name, fd, region: new Region({ descriptor, msixTable: () => null }, name, info) }
}

const memory = kernel.allocateMemory({ size: 4096, kind: 'memfd' })
const memfd = regionOf(memory.fd, 'memory file', { read: true, write: true, mmap: true })
const cases = await trapped(c, { ...memfd, read: 0, write: 0 }, 5000, floorOf(process.argv[3], memfd.fd))
const config = pciConfig()
if (config !== null) {
  const place = regionOf(config, 'PCI config space in sysfs', { read: true, write: false, mmap: false })
  cases.push(...(await trapped(c, { ...place, read: 0 }, 100)))
}
cases.push(await mappedRead(c, memfd, 100_000))
cases.push(...(await bulk(c, memfd, { trapped: 10_000, mapped: 5000 })))

const waiting = new IrqWaiting(kernel, 'the bench', { beforeWait: () => {}, onEvent: () => {} })
const vector = new IrqVector(kernel, 'the bench', { vector: 0, eventfd: null })
waiting.add(vector)
cases.push(...(await interrupts(c, kernel, waiting, vector.eventfd, { there: 10_000, woken: 500 })))
waiting.close()

process.stdout.write(JSON.stringify({ cases, allocator: allocator() }))

/** Read as vfio-pci reads it: the nearest to a trapped register that a machine without VFIO has. */
function pciConfig() {
  const folder = '/sys/bus/pci/devices'
  const [first] = fs.existsSync(folder) ? fs.readdirSync(folder) : []
  return first === undefined ? null : fs.openSync(`${folder}/${first}/config`, 'r')
}
