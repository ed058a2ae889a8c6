// Reading and writing a region: trapped, mapped, and 4 KiB at once.

import { transfers } from './node-ways.mjs'
import { sideBySide } from './side-by-side.mjs'

const page = 4096

/**
 * @typedef {object} Place
 * @property {string} name
 * @property {number} fd the descriptor that the region's bytes are at
 * @property {import('../../dist/vfio/region/region.js').Region} region
 * @property {number} [read] the region's offset of a register that can be read
 * @property {number} [write] and of one that can be written
 */

/**
 * @param {import('./c-program.mjs').CProgram} c
 * @param {Place} place
 * @param {number} count
 * @param {Record<string, (count: number) => unknown>} [floor] more contenders for a read
 */
export async function trapped(c, { name, fd, region, read, write }, count, floor = {}) {
  const base = Number(region.offset)
  const cases = []
  if (read !== undefined) {
    cases.push(
      await sideBySide(`${name}: trapped read, 4 bytes`, count, {
        C: c.runs('pread', { fds: [fd], args: [3, base + read, 4] }),
        'C, threads': c.runs('threads pread', { fds: [fd], args: [3, base + read, 4] }),
        vfioctl: (times) => {
          for (let i = 0; i < times; i++) region.read32(read)
        },
        ...floor,
        ...transfers('read', fd, base + read, 4),
      }),
    )
  }
  if (write !== undefined) {
    cases.push(
      await sideBySide(`${name}: trapped write, 4 bytes`, count, {
        C: c.runs('pwrite', { fds: [fd], args: [3, base + write, 4] }),
        'C, threads': c.runs('threads pwrite', { fds: [fd], args: [3, base + write, 4] }),
        vfioctl: (times) => {
          for (let i = 0; i < times; i++) region.write32(write, 0)
        },
        ...transfers('write', fd, base + write, 4),
      }),
    )
  }
  return cases
}

/**
 * @param {import('./c-program.mjs').CProgram} c
 * @param {Place} place
 * @param {{ trapped: number, mapped: number }} counts
 */
export async function bulk(c, { name, fd, region }, counts) {
  const base = Number(region.offset)
  const bytes = new Uint8Array(page)
  const mapped = region.map()
  const readInto = (from) => (count) => {
    for (let i = 0; i < count; i++) from.readInto(0, bytes)
  }
  const cases = [
    await sideBySide(`${name}: trapped readInto, 4 KiB`, counts.trapped, {
      C: c.runs('pread', { fds: [fd], args: [3, base, page] }),
      vfioctl: readInto(region),
      ...transfers('read', fd, base, page),
    }),
    await sideBySide(`${name}: mapped readInto, 4 KiB`, counts.mapped, {
      C: c.runs('load', { fds: [fd], args: [3, base, page] }),
      vfioctl: readInto(mapped),
    }),
  ]
  mapped.close()
  return cases
}

/**
 * @param {import('./c-program.mjs').CProgram} c
 * @param {Place} place
 * @param {number} count
 */
export async function mappedRead(c, { name, fd, region }, count) {
  const mapped = region.map()
  const result = await sideBySide(`${name}: mapped read, 4 bytes`, count, {
    C: c.runs('load', { fds: [fd], args: [3, Number(region.offset), 4] }),
    vfioctl: (times) => {
      for (let i = 0; i < times; i++) mapped.read32(0)
    },
  })
  mapped.close()
  return result
}
