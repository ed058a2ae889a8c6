// The IOVA allocator alone: what an operation costs beside few live ranges and beside many.
import { IovaAllocator } from '../../dist/vfio/iova/iova-allocator.js'

const page = 4096
const few = 1000
const many = 65_000
const operations = 1000
const rounds = 300
/** Ranges of an Intel IOMMU: 39 bits, without the interrupt window. */
const ranges = [
  { first: 0n, last: 0xfedf_ffffn },
  { first: 0xfef0_0000n, last: 0x7f_ffff_ffffn },
]

/**
 * Places of the live ranges, and the operation: each takes and gives back one range. Those at random reach memory that
 * is not in the processor's cache, as the tree of 65,000 may fill it; `near` ones, among 500 neighbours, tell less of
 * the cache and more of the search.
 */
const patterns = {
  'side by side, one more taken and freed': { make: sideBySideRanges, operate: takeAndFree },
  'side by side, freed and taken again at random': { make: sideBySideRanges, operate: freeAndTake },
  'every second page free, freed and taken again at random': { make: everySecond, operate: freeAndTake },
  'every second page free, freed and taken again among neighbours': {
    make: everySecond,
    operate: freeAndTake,
    near: true,
  },
  'every second page free, two pages taken and freed': { make: everySecond, operate: takeAndFreeTwo },
  'of 1 to 16 pages, replaced at random': { make: mixed, operate: replace },
  'of 1 to 16 pages, replaced among neighbours': { make: mixed, operate: replace, near: true },
}

/** @returns {{ name: string, few: number, many: number }[]} nanoseconds for a range taken and freed */
export function allocator() {
  return Object.entries(patterns).map(([name, { make, operate, near = false }]) => {
    const setups = [few, many].map((live) => {
      const random = randomNumbers()
      const pick = near ? (below) => random(500) + (below >> 1) - 250 : random
      return { ...make(live), random, pick }
    })
    const times = setups.map(() => Number.POSITIVE_INFINITY)
    for (let round = 0; round < rounds; round++) {
      for (const [index, setup] of setups.entries()) {
        const start = performance.now()
        for (let i = 0; i < operations; i++) operate(setup)
        times[index] = Math.min(times[index], ((performance.now() - start) * 1e6) / operations)
      }
    }
    return { name, few: times[0], many: times[1] }
  })
}

/** In small flat arrays, in pages: it is the allocator's memory that is measured. */
function liveRanges(iovas, live, sizeOf) {
  const [firsts, sizes] = [new Uint32Array(live), new Uint8Array(live)]
  for (let i = 0; i < live; i++) {
    sizes[i] = sizeOf(i)
    firsts[i] = Number(iovas.allocate({ size: sizes[i] * page })) / page
  }
  return { iovas, firsts, sizes }
}

function sideBySideRanges(live) {
  return liveRanges(new IovaAllocator(page, 2 ** 21, () => ranges), live, () => 1)
}

function everySecond(live) {
  const { iovas, firsts, sizes } = sideBySideRanges(2 * live)
  for (const [index, first] of firsts.entries()) if (index % 2 === 1) iovas.free(BigInt(first * page), page)
  return { iovas, firsts: firsts.filter((_, index) => index % 2 === 0), sizes: sizes.subarray(live) }
}

function mixed(live) {
  const random = randomNumbers()
  const made = liveRanges(new IovaAllocator(page, 2 ** 21, () => ranges), live, () => 1 + random(16))
  for (let i = 0; i < 2 * live; i++) replace({ ...made, random, pick: random })
  return made
}

function takeAndFree({ iovas }) {
  iovas.free(iovas.allocate({ size: page }), page)
}

function takeAndFreeTwo({ iovas }) {
  iovas.free(iovas.allocate({ size: 2 * page }), 2 * page)
}

function freeAndTake({ iovas, firsts, pick }) {
  const iova = BigInt(firsts[pick(firsts.length)] * page)
  iovas.free(iova, page)
  iovas.allocate({ size: page, iova })
}

function replace({ iovas, firsts, sizes, random, pick }) {
  const at = pick(firsts.length)
  iovas.free(BigInt(firsts[at] * page), sizes[at] * page)
  sizes[at] = 1 + random(16)
  firsts[at] = Number(iovas.allocate({ size: sizes[at] * page })) / page
}

/** The same ones in each run. */
function randomNumbers() {
  let state = 1
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}
