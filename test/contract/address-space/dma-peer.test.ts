import { describe, expect, onTestFinished, type TestContext, test } from 'vitest'
import { type Device, openDevice } from '../../../src/vfio/device.ts'
import type { DmaBuffer } from '../../../src/vfio/dma/dma-buffer.ts'
import { openAddressSpace } from '../../../src/vfio/iommu/open-address-space.ts'
import type { MappedRegion } from '../../../src/vfio/region/mapped-region.ts'
import { EduDriver } from '../drivers/edu-driver.ts'
import { bindForMode, type TranslatingMode, translatingModes } from '../iommu-modes.ts'
import { page } from '../machine.ts'
import { bindPci } from '../pci.ts'

const MiB = 2 ** 20

function code(expected: string) {
  return expect.objectContaining({ name: 'VfioError', code: expected })
}

interface Peers {
  readonly device: Device
  readonly edu: EduDriver
  readonly other: Device
  /** The memory of a device beside it, mapped: ivshmem's, which is ordinary memory behind a BAR. */
  readonly peer: MappedRegion
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
  const peer = other.regions.get('bar2').map()
  return { device, edu: new EduDriver(device), other, peer }
}

/** iommufd takes dma-bufs alone, which newer kernels make of BARs. */
function takesPeers({ device, other }: Pick<Peers, 'device' | 'other'>): boolean {
  return device.iommuMode !== 'iommufd' || other.features.has('dma-buf', 'get')
}

/** Has edu copy bytes from ordinary memory to the peer's, and returns those that arrive. */
async function copyThere({ device, edu, peer }: Peers, buffer: DmaBuffer, sent: Uint8Array): Promise<Uint8Array> {
  await using from = await device.dma.allocate(page)
  from.view().set(sent)
  await edu.copy(from.iova, buffer.iovaOf(page), sent.length)
  const received = new Uint8Array(sent.length)
  peer.readInto(page, received)
  peer.writeFrom(page, new Uint8Array(sent.length))
  return received
}

const parts = [
  ['all of it', {}, MiB],
  ['one page', { size: page }, page],
  ['all but its first page, where huge pages do not fit', { offset: page }, MiB - page],
] as const

describe.each(['type1', 'type1v2', 'iommufd'] as const)('the memory of a device, in mode %s', (mode) => {
  test.for(parts)('can be mapped for another: %s', async ([, part, size], context) => {
    const peers = await openPeers(context, mode)
    const { device, peer } = peers
    if (!takesPeers(peers)) context.skip('this kernel makes no dma-buf of a BAR')
    await using buffer = await device.dma.map(peer, part)
    expect(buffer.size).toBe(size)
    expect(device.dma.find(buffer.iova)?.buffer).toBe(buffer)
  })

  test('is reached by another, without the processor', async (context) => {
    const peers = await openPeers(context, mode)
    const { device, edu, peer } = peers
    if (!takesPeers(peers)) context.skip('this kernel makes no dma-buf of a BAR')
    await using buffer = await device.dma.map(peer, { offset: page })
    const sent = Uint8Array.from({ length: 256 }, (_, i) => (i * 7 + 1) & 0xff)
    peer.writeFrom(page, sent)
    peer.writeFrom(3 * page, new Uint8Array(256))
    await edu.copy(buffer.iova, buffer.iovaOf(2 * page), 256)
    const received = new Uint8Array(256)
    peer.readInto(3 * page, received)
    expect(received).toEqual(sent)
  })

  test('memory that is not there for a while is there again; iommufd has lost it, and maps it anew', async (context) => {
    const peers = await openPeers(context, mode)
    const { device, edu, other, peer } = peers
    if (!takesPeers(peers)) context.skip('this kernel makes no dma-buf of a BAR')
    const buffer = await device.dma.map(peer)
    const sent = new Uint8Array(64).fill(0x55)
    expect(await copyThere(peers, buffer, sent)).toEqual(sent)
    other.pci.memoryDecode = false
    await edu.fetch(buffer.iova, 64)
    other.pci.memoryDecode = true
    expect(await copyThere(peers, buffer, sent)).toEqual(mode === 'iommufd' ? new Uint8Array(64) : sent)
    buffer.close()
    await using again = await device.dma.map(peer)
    expect(await copyThere(peers, again, sent)).toEqual(sent)
  })

  test('leaves no descriptor behind', async (context) => {
    const peers = await openPeers(context, mode)
    const { device, peer } = peers
    if (!takesPeers(peers)) context.skip('this kernel makes no dma-buf of a BAR')
    const { files } = device.addressSpace.kernel
    const before = files.list('/proc/self/fd').length
    const buffer = await device.dma.map(peer)
    await expect(device.dma.map(peer, { iova: buffer.iova })).rejects.toEqual(code('IOVA_IN_USE'))
    buffer.close()
    expect(files.list('/proc/self/fd').length).toBe(before)
  })

  test('is unmapped before the region is, and is OUT_OF_RANGE where it has none', async (context) => {
    const peers = await openPeers(context, mode)
    const { device, peer } = peers
    if (!takesPeers(peers)) context.skip('this kernel makes no dma-buf of a BAR')
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
    if (!takesPeers({ device, other: device })) context.skip('this kernel makes no dma-buf of a BAR')
    await using buffer = await device.dma.map(device.regions.bar0.map())
    expect(buffer.size).toBe(MiB)
  })
})

describe.each(translatingModes.filter((mode) => !mode.startsWith('type1')))(
  'the memory of a device, in mode %s',
  (mode) => {
    test.for(parts)('is NOT_SUPPORTED to map for another: %s', async ([, part], context) => {
      const peers = await openPeers(context, mode)
      const { device, peer } = peers
      if (mode === 'iommufd' && takesPeers(peers)) context.skip('this kernel makes dma-bufs of BARs')
      await expect(device.dma.map(peer, part)).rejects.toEqual(
        expect.objectContaining({ code: 'NOT_SUPPORTED', errno: 'EFAULT', hint: expect.stringContaining('type1') }),
      )
      expect(device.dma.buffers).toEqual([])
    })
  },
)
