// Mapping memory for a device and unmapping it, beside few and many mappings that stay.
import { rounds, sideBySide } from './side-by-side.mjs'

const page = 4096
const sizes = { '4 KiB': { size: page, count: 20 }, '2 MiB': { size: 2 ** 21, count: 5 } }
/** Once it was run so often, the library's code is compiled, as it is in whoever maps often. */
const warmUp = 1000
/** The kernel takes 65,535 in a container. */
const live = [1000, 65_000]

/**
 * C and the library one after the other, as each needs its own mappings beside.
 * @param {import('./c-program.mjs').CProgram} c
 * @param {import('../../dist/vfio/device.js').Device} device alone in its address space
 * @param {number} container the descriptor of that address space
 */
export async function mappings(c, { addressSpace, dma }, container) {
  const cases = []
  for (const beside of live) {
    const inC = Object.values(sizes).map(({ size, count }) =>
      c.runs('map', { fds: [container], args: [3, size, beside, rounds] })(count),
    )
    const memory = addressSpace.kernel.allocateMemory({ size: 2 ** 21, kind: 'anonymous' })
    const mapAndUnmap = async (size, times) => {
      for (let i = 0; i < times; i++) (await dma.map(memory, { size })).close()
    }
    for (let i = 0; i < beside; i++) await dma.map(memory, { size: page })
    await mapAndUnmap(page, warmUp)
    for (const [index, [name, { size, count }]] of Object.entries(sizes).entries()) {
      const { times } = await sideBySide('', count, {
        vfioctl: (times) => mapAndUnmap(size, times),
      })
      cases.push({ name: `map and unmap ${name} beside ${beside} mappings`, times: { C: inC[index], ...times } })
    }
    dma.unmapAll()
    memory.close()
  }
  return cases
}
