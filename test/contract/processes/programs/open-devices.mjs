// open-devices.mjs JOB, as a process or as a Worker: opens edu devices in an address space of its own, lets each compute
// and copy, prints what came of it, and closes them when its stdin ends. JOB is JSON: the library, the mock's state
// directory or null, the IOMMU mode, the devices.
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'

const { library, stateDirectory, iommu, devices } = JSON.parse(process.argv[2])
const { createMockKernel, vmScenarioUnderTest, openAddressSpace, openDevice, openLinux } = await import(library)
const kernel = stateDirectory === null ? openLinux() : createMockKernel(vmScenarioUnderTest(), { stateDirectory })

const memory = 0x4_0000n

async function copy(bar0, from, to) {
  bar0.write32(0x80, Number(from))
  bar0.write32(0x88, Number(to))
  bar0.write32(0x90, 64)
  bar0.write32(0x98, to === memory ? 1 : 3)
  while ((bar0.read32(0x98) & 1) !== 0) await sleep(1)
}

async function work(device) {
  const { bar0 } = device.regions
  device.pci.busMaster = true
  bar0.write32(0x08, 5)
  while ((bar0.read32(0x20) & 1) !== 0) await sleep(1)
  const from = await device.dma.allocate(4096)
  const to = await device.dma.allocate(4096)
  const sent = new TextEncoder().encode(device.name)
  from.view().set(sent)
  await copy(bar0, from.iova, memory)
  await copy(bar0, memory, to.iova)
  return { factorial: bar0.read32(0x08), copied: new TextDecoder().decode(to.view().slice(0, sent.length)) }
}

const space = openAddressSpace(kernel, { iommu })
const opened = devices.map((address) => openDevice(kernel, address, { addressSpace: space, addressBits: 28 }))
const results = await Promise.all(opened.map(work))
process.stdout.write(`${JSON.stringify(results)}\n`)
process.stdin.resume()
await once(process.stdin, 'end')
for (const device of opened) device.close()
space.close()
kernel.dispose()
