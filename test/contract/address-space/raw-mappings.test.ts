import { describe, expect, onTestFinished, type TestContext, test } from 'vitest'
import type { Kernel, Mapping } from '../../../src/kernel/kernel.ts'
import { dmaUnmapFlag } from '../../../src/uapi/container.ts'
import { allocate, type TranslatingMode, translatingModes } from '../iommu-modes.ts'
import { errnoOf } from '../kernel-answer.ts'
import { hugePage, iommu, page, pageBytes } from '../machine.ts'
import { reserveHugePages } from './huge-pages.ts'
import { type ContainerMode, mapDma, openTranslating, unmapDma } from './raw-container.ts'
import {
  allocateIoas,
  attachDevice,
  bindDevice,
  fixed,
  mapIoas,
  openRawIommufd,
  readable,
  unmapIoas,
} from './raw-iommufd.ts'

const MiB2 = 0x20_0000
const beyondAperture = iommu.end === null ? [] : [iommu.end]
const everything = 0xffff_ffff_ffff_ffffn

/** The kernel's own answers about mappings, whatever they are asked through. */
interface RawMappings {
  readonly kernel: Kernel
  /** A page of new memory unless told. */
  map(iova: bigint, size?: number, memory?: Mapping): void
  /** Bytes. */
  unmap(iova: bigint, size: number): bigint
  unmapAll(): bigint
}

/** Of an edu's address space, gone after the test. */
function open(context: TestContext, mode: TranslatingMode): Promise<RawMappings> {
  return mode === 'iommufd' ? openIoas(context) : openContainer(context, mode)
}

async function openIoas(context: TestContext): Promise<RawMappings> {
  const raw = await openRawIommufd(context)
  const device = raw.openNode()
  bindDevice(raw, device, raw.iommufd)
  const ioas_id = allocateIoas(raw)
  attachDevice(raw, device, ioas_id)
  return {
    kernel: raw.kernel,
    map(iova, size = page, memory) {
      mapIoas(raw, { ioas_id, flags: fixed | readable, iova, length: BigInt(size) }, memory)
    },
    unmap: (iova, size) => unmapIoas(raw, ioas_id, iova, BigInt(size)),
    unmapAll: () => unmapIoas(raw, ioas_id, 0n, everything),
  }
}

async function openContainer(context: TestContext, mode: ContainerMode): Promise<RawMappings> {
  const raw = await openTranslating(context, mode)
  raw.openDevice()
  return {
    kernel: raw.kernel,
    map: (iova, size = page, memory) => mapDma(raw, { iova, size: BigInt(size) }, memory),
    unmap: (iova, size) => unmapDma(raw, iova, BigInt(size)),
    unmapAll: () => unmapDma(raw, 0n, 0n, dmaUnmapFlag.VFIO_DMA_UNMAP_FLAG_ALL),
  }
}

describe.each(translatingModes)('the kernel itself, of mappings in mode %s', (mode) => {
  test('refuses each wrong one with its errno', async (context) => {
    const { map } = await open(context, mode)
    map(0x10_0000n)
    const refusals = [
      ['overlap', () => map(0x10_0000n), 'EEXIST'],
      ['unaligned address', () => map(0x20_0001n), 'EINVAL'],
      ['unaligned size', () => map(0x20_0000n, 100), 'EINVAL'],
      ['nothing', () => map(0x20_0000n, 0), 'EINVAL'],
      ['reserved', () => map(iommu.interrupts), 'EINVAL'],
      ...beyondAperture.map((at) => ['beyond the aperture', () => map(at), 'EINVAL'] as const),
    ] as const
    expect(refusals.map(([what, call]) => [what, errnoOf(call)])).toEqual(
      refusals.map(([what, , code]) => [what, code]),
    )
    // a container says so by name from Linux 6.19 on
    expect(errnoOf(() => map((1n << 64n) - pageBytes, 2 * page))).toMatch(/^(EINVAL|EOVERFLOW)$/)
  })

  test('unmaps all of nothing: 0 bytes', async (context) => {
    const { map, unmapAll } = await open(context, mode)
    expect(unmapAll()).toBe(0n)
    map(0x10_0000n)
    map(0x40_0000n)
    expect([unmapAll(), unmapAll()]).toEqual([BigInt(2 * page), 0n])
  })
})

test.for(['compat-type1', 'compat-type1v2'] as const)(
  "the kernel itself, of a container of iommufd's (%s), knows what is reserved once a device is open, which then cannot be",
  async (mode, context) => {
    const raw = await openTranslating(context, mode)
    mapDma(raw, { iova: iommu.interrupts })
    expect(errnoOf(raw.openDevice)).toBe('EADDRINUSE')
    expect(unmapDma(raw, iommu.interrupts, BigInt(page))).toBe(BigInt(page))
    raw.openDevice()
    expect(errnoOf(() => mapDma(raw, { iova: iommu.interrupts }))).toBe('EINVAL')
  },
)

describe.each([
  ['type1v2', 'EINVAL'],
  ['compat-type1v2', 'ENOENT'],
  ['iommufd', 'ENOENT'],
] as const)('the kernel itself, of a mapping in mode %s', (mode, refusal) => {
  test(`refuses to cut it: ${refusal}`, async (context) => {
    const { kernel, map, unmap } = await open(context, mode)
    map(0x20_0000n, MiB2, allocate(kernel, MiB2))
    expect(errnoOf(() => unmap(0x20_0000n, page))).toBe(refusal)
    expect(errnoOf(() => unmap(0x30_0000n, page))).toBe(refusal)
    expect(errnoOf(() => unmap(0x40_0000n - pageBytes, page))).toBe(refusal)
    expect(unmap(0n, 0x80_0000)).toBe(BigInt(MiB2))
  })
})

describe.each(['type1', 'compat-type1'] as const)('the kernel itself, of a mapping in mode %s', (mode) => {
  test('takes its pages one by one, or more than it is asked to', async (context) => {
    const { kernel, map, unmap } = await open(context, mode)
    map(0x20_0000n, MiB2, allocate(kernel, MiB2))
    const inside = unmap(0x30_0000n, page)
    // VFIO's own takes nothing but from the beginning on; there it takes as much as is one to the IOMMU
    expect(inside).toBe(mode === 'type1' ? 0n : BigInt(page))
    expect(unmap(0x20_0000n, page)).toBeGreaterThanOrEqual(BigInt(page))
  })

  test('a mapping of huge pages, unmapped page by page from the end, unmaps its size', async (context) => {
    const { kernel, map, unmap } = await open(context, mode)
    await reserveHugePages(context, kernel, 2)
    const size = 2 * hugePage
    const from = BigInt(hugePage)
    const memory = kernel.allocateMemory({ size, kind: 'hugepages' })
    onTestFinished(() => memory.close())
    map(from, size, memory)
    let sum = 0n
    for (let at = size - page; at >= 0; at -= page) sum += unmap(from + BigInt(at), page)
    expect(sum).toBe(BigInt(size))
    map(from, size, memory)
  })
})
