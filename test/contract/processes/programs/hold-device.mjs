// Opens a device on the real kernel, takes all that it gives, and lets nothing go: as a Worker with the device's name and
// IOMMU mode in its data, which says 'holding' and waits for its end; as `node hold-device.mjs DEVICE MODE exit|throw|kill`,
// a process that ends so.
import { setTimeout } from 'node:timers/promises'
import { isMainThread, parentPort, workerData } from 'node:worker_threads'
import { openHost } from '../../../../dist/index.js'

async function hold(name, iommu) {
  const device = await openHost().openDevice(name, { iommu })
  const { regions, irqs, dma } = device
  regions.config.read32(0)
  const held = [device, irqs.msi.enable([0]), await dma.allocate(0x4000)]
  if (regions.bar0.flags.mmap) held.push(regions.bar0.map())
  const [, irq, buffer] = held
  held.push(buffer.view(), irq.events(), device.addressSpace)
  return { held, irq, device }
}

const ways = {
  'while it waits for an interrupt': ({ irq }) => irq.next(),
  'while its thread is blocked for an interrupt': ({ irq }) => irq.waitSync({ timeoutMs: 2000 }),
  'while it does nothing': () => setTimeout(600_000),
  'while it accesses registers': async ({ device }) => {
    for (;;) {
      for (let i = 0; i < 1000; i++) device.regions.config.read32(0)
      await setTimeout(0)
    }
  },
  'while the device is being reset': ({ device }) => device.reset(),
  'while it migrates': () => setTimeout(600_000),
}

const ends = {
  exit: () => process.exit(0),
  throw: () => {
    throw new Error('forgotten')
  },
  kill: () => process.kill(process.pid, 'SIGKILL'),
}

if (isMainThread) {
  const [, , name, iommu, end] = process.argv
  const { held } = await hold(name, iommu)
  process.stdout.write(`${held.length} held`)
  ends[end]()
} else {
  const { name, iommu, way } = workerData
  const holding = await hold(name, iommu)
  if (way === 'while it migrates') holding.held.push(holding.device.migration.move('pre-copy'))
  parentPort.postMessage('holding')
  await ways[way](holding)
  await setTimeout(600_000, holding)
}
