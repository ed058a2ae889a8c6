// lock-memory.mjs LIBRARY IOMMU SHARED BYTES DEVICE…: opens devices, and for each line of its stdin gives them so many bytes,
// in one address space or one each, and prints the error, or null; then it holds them until its stdin ends.
import { createInterface } from 'node:readline'

const [library, iommu, shared, bytes, ...names] = process.argv.slice(2)
const { openHost } = await import(library)

const host = openHost()
const addressSpace = shared === 'shared' ? await host.openAddressSpace({ iommu }) : undefined
const [first, ...others] = await Promise.all(
  names.map((name) => host.openDevice(name, addressSpace === undefined ? { iommu } : { addressSpace })),
)

async function give() {
  const buffer = await first.dma.allocate(Number(bytes))
  try {
    if (addressSpace === undefined) for (const device of others) await device.dma.map(buffer.memory)
  } catch (error) {
    buffer.close()
    throw error
  }
}

for await (const _ of createInterface(process.stdin)) {
  const answer = await give().then(
    () => null,
    ({ code, errno, message }) => ({ code, errno, message }),
  )
  process.stdout.write(`${JSON.stringify(answer)}\n`)
}
await host.close()
process.exit(0)
