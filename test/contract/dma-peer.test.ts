import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, onTestFinished, type TestContext, test } from 'vitest'
import { type Device, openDevice } from '../../src/vfio/device.ts'
import type { MappedRegion } from '../../src/vfio/mapped-region.ts'
import { openAddressSpace } from '../../src/vfio/open-address-space.ts'
import { bindForMode, type TranslatingMode, translatingModes } from './iommu-modes.ts'
import { bindPci } from './pci.ts'

const page = 4096
const MiB = 2 ** 20
const noPart = 'the mock has no part of the memory of a device for another'
/** edu's registers, and its own memory as its DMA sees it. */
const edu = { source: 0x80, destination: 0x88, count: 0x90, command: 0x98, memory: 0x4_0000n } as const

function code(expected: string) {
  return expect.objectContaining({ name: 'VfioError', code: expected })
}

interface Peers {
  readonly device: Device
  /** The memory of a device beside it, mapped: ivshmem's, which is ordinary memory behind a BAR. */
  readonly peer: MappedRegion
  readonly isMock: boolean
}

/** Two devices in one address space, one of which can copy. */
async function openPeers(context: TestContext, mode: TranslatingMode): Promise<Peers> {
  const one = await bindForMode(context, mode, 'edu')
  const two = await bindPci(context, 'ivshmem', one)
  const { kernel } = one
  const space = openAddressSpace(kernel, { iommu: mode })
  onTestFinished(() => space.close())
  const [device, other] = [one, two].map(({ group, address }) =>
    openDevice(kernel, { group, name: address }, { addressSpace: space, addressBits: 28 }),
  )
  if (device === undefined || other === undefined) throw new Error('both were opened')
  device.pci.busMaster = true
  return { device, peer: other.regions.get('bar2').map(), isMock: one.name === 'mock' }
}

async function transfer({ regions }: Device, from: bigint, to: bigint, count: number): Promise<void> {
  const { bar0 } = regions
  bar0.write32(edu.source, Number(from))
  bar0.write32(edu.destination, Number(to))
  bar0.write32(edu.count, count)
  bar0.write32(edu.command, to === edu.memory ? 1 : 3)
  while ((bar0.read32(edu.command) & 1) !== 0) await sleep(1)
}

const parts = [
  ['all of it', {}, MiB],
  ['one page', { size: page }, page],
  ['all but its first page, where huge pages do not fit', { offset: page }, MiB - page],
] as const

describe.each(['type1', 'type1v2'] as const)('A8 the memory of a device, in mode %s', (mode) => {
  test.for(parts)('can be mapped for another: %s', async ([, part, size], context) => {
    const { device, peer, isMock } = await openPeers(context, mode)
    if (isMock && 'offset' in part) context.skip(noPart)
    await using buffer = await device.dma.map(peer, part)
    expect(buffer.size).toBe(size)
    expect(device.dma.find(buffer.iova)?.buffer).toBe(buffer)
  })

  test('is reached by another, without the processor', async (context) => {
    const { device, peer, isMock } = await openPeers(context, mode)
    if (isMock) context.skip('devices of the mock do not reach each other')
    await using buffer = await device.dma.map(peer, { offset: page })
    const sent = Uint8Array.from({ length: 256 }, (_, i) => (i * 7 + 1) & 0xff)
    peer.writeFrom(page, sent)
    peer.writeFrom(3 * page, new Uint8Array(256))
    await transfer(device, buffer.iova, edu.memory, 256)
    await transfer(device, edu.memory, buffer.iova + 2n * BigInt(page), 256)
    const received = new Uint8Array(256)
    peer.readInto(3 * page, received)
    expect(received).toEqual(sent)
  })

  test('is unmapped before the region is, and is OUT_OF_RANGE where it has none', async (context) => {
    const { device, peer } = await openPeers(context, mode)
    const buffer = await device.dma.map(peer)
    await expect(device.dma.map(peer, { offset: MiB })).rejects.toEqual(code('OUT_OF_RANGE'))
    await expect(device.dma.map(peer, { offset: MiB - page, size: 2 * page })).rejects.toEqual(code('OUT_OF_RANGE'))
    peer.close()
    expect([buffer.closed, device.dma.buffers.length]).toEqual([true, 0])
    await expect(device.dma.map(peer)).rejects.toEqual(code('CLOSED'))
  })

  test('may be of the device that reaches it', async (context) => {
    const { kernel, address, group } = await bindForMode(context, mode, 'edu')
    using device = openDevice(kernel, { group, name: address }, { iommu: mode })
    await using buffer = await device.dma.map(device.regions.bar0.map())
    expect(buffer.size).toBe(MiB)
  })
})

describe.each(translatingModes.filter((mode) => !mode.startsWith('type1')))(
  'A8 the memory of a device, in mode %s',
  (mode) => {
    test.for(parts)('is NOT_SUPPORTED to map for another: %s', async ([, part], context) => {
      const { device, peer, isMock } = await openPeers(context, mode)
      if (isMock && 'offset' in part) context.skip(noPart)
      await expect(device.dma.map(peer, part)).rejects.toEqual(
        expect.objectContaining({ code: 'NOT_SUPPORTED', errno: 'EFAULT', hint: expect.stringContaining('type1') }),
      )
      expect(device.dma.buffers).toEqual([])
    })
  },
)
