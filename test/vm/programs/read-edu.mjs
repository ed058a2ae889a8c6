// read-edu.mjs LIBRARY DEVICE [SOCKET]: opens an edu by the descriptors that were passed, or that come by the socket, and prints
// what it is, and what this process may.
import { closeSync, openSync } from 'node:fs'

const [library, name, socket] = process.argv.slice(2)
const { openHost, passedDescriptors } = await import(library)

function refusal(path) {
  try {
    closeSync(openSync(path, 'r+'))
    return null
  } catch (error) {
    return error.code
  }
}

const host = openHost()
const passed = socket === undefined ? passedDescriptors() : await host.programs.receiveDescriptors(socket)
const device = await host.openDevice(name, { passed })
const node = passed.groups === undefined ? '/dev/iommu' : `/dev/vfio/${device.group}`
const buffer = await device.dma.allocate(4096)
const tooMuch = await device.dma.allocate(4 * 1024 * 1024).catch((error) => error.code)
const told = {
  uid: process.getuid(),
  mode: device.iommuMode,
  id: device.regions.bar0.read32(0) & 0xffff_00ff,
  buffer: buffer.size,
  tooMuch,
  node: refusal(node),
}
await host.close()
process.stdout.write(`${JSON.stringify(told)}\n`)
