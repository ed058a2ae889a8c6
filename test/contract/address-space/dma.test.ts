import { describe, expect, onTestFinished, type TestContext, test } from 'vitest'
import type { Device } from '../../../src/vfio/device.ts'
import { openDevice } from '../../../src/vfio/device.ts'
import type { DmaBuffer } from '../../../src/vfio/dma/dma-buffer.ts'
import { EduDriver, maxBytes } from '../drivers/edu-driver.ts'
import { bindForMode, type TranslatingMode, translatingModes } from '../iommu-modes.ts'
import { hugePage, iommu, page, pageBytes } from '../machine.ts'
import { limitLockedMemory } from './capability.ts'

const MiB = 2 ** 20

function code(expected: string) {
  return expect.objectContaining({ name: 'VfioError', code: expected })
}

/** An edu; it has 28 address bits. */
async function openEdu(context: TestContext, mode: TranslatingMode): Promise<Device> {
  const { kernel, address, group } = await bindForMode(context, mode, 'edu')
  const device = openDevice(kernel, { group, name: address }, { iommu: mode, addressBits: 28 })
  onTestFinished(() => device.close())
  return device
}

function fill(buffer: DmaBuffer, seed: number): Uint8Array {
  const view = buffer.view()
  for (const at of view.keys()) view[at] = (at * 31 + seed) & 0xff
  return view
}

describe.each(translatingModes)('DMA in mode %s', (mode) => {
  test('a device copies what we wrote, and we read what it stored', async (context) => {
    const device = await openEdu(context, mode)
    const edu = new EduDriver(device)
    await using from = await device.dma.allocate(page)
    await using to = await device.dma.allocate(page)
    const sent = fill(from, 7)
    await edu.copy(from.iova, to.iova)
    expect(Buffer.from(to.view().subarray(0, maxBytes))).toEqual(Buffer.from(sent.subarray(0, maxBytes)))
    expect(to.view()[maxBytes]).toBe(0)
  })

  test('a buffer that devices may only read stays as it was', async (context) => {
    const device = await openEdu(context, mode)
    const edu = new EduDriver(device)
    await using from = await device.dma.allocate(page)
    await using to = await device.dma.allocate(page, { access: 'r' })
    await using good = await device.dma.allocate(page)
    const sent = fill(from, 1)
    await edu.copy(from.iova, to.iova)
    expect(to.view()).toEqual(new Uint8Array(page))
    await edu.copy(from.iova, good.iova, 64)
    expect(good.view().subarray(0, 64)).toEqual(sent.subarray(0, 64))
  })

  test('nothing is stored while bus master is off', async (context) => {
    const device = await openEdu(context, mode)
    const edu = new EduDriver(device)
    await using from = await device.dma.allocate(page)
    await using to = await device.dma.allocate(page)
    fill(from, 3)
    await edu.fetch(from.iova, 64)
    device.pci.busMaster = false
    await edu.store(to.iova, 64)
    expect(to.view()).toEqual(new Uint8Array(page))
  })

  test('a device reaches the part of a memory that is mapped, where its buffer says', async (context) => {
    const device = await openEdu(context, mode)
    const edu = new EduDriver(device)
    const memory = device.addressSpace.kernel.allocateMemory({ size: 4 * page, kind: 'memfd' })
    onTestFinished(() => memory.close())
    await using from = await device.dma.allocate(page)
    await using part = await device.dma.map(memory, { offset: page, size: 2 * page, iova: 0x10_0000n })
    const sent = fill(from, 9)
    await edu.fetch(from.iova, 16)
    await edu.store(part.iovaOf(page + 8), 16)
    expect(memory.view().subarray(2 * page + 8, 2 * page + 24)).toEqual(sent.subarray(0, 16))
    expect(device.dma.find(0x10_0000n + pageBytes + 8n)).toEqual({ buffer: part, offset: page + 8 })
  })

  test('buffers of a page and of a huge page are found by their addresses, until they are closed', async (context) => {
    const device = await openEdu(context, mode)
    const { dma } = device
    const addressBits = 64
    const [small, large] = [await dma.allocate(page), await dma.allocate(hugePage, { addressBits })]
    expect(large.iova % BigInt(hugePage)).toBe(0n)
    expect(dma.find(small.iovaOf(100))).toEqual({ buffer: small, offset: 100 })
    expect(dma.find(large.iovaOf(hugePage - 1))).toEqual({ buffer: large, offset: hugePage - 1 })
    await expect(dma.allocate(page, { iova: large.iova + BigInt(MiB), addressBits })).rejects.toThrow(
      code('IOVA_IN_USE'),
    )
    large.close()
    expect(dma.find(large.iova)).toBeNull()
    await using there = await dma.allocate(page, { iova: large.iova + BigInt(MiB), addressBits })
    expect(dma.buffers).toEqual([there, small].sort((a, b) => Number(a.iova - b.iova)))
  })

  test('addresses are within the 28 bits of the device, and clear of the interrupt window', async (context) => {
    const { dma } = await openEdu(context, mode)
    await using buffer = await dma.allocate(page)
    expect(buffer.iova + BigInt(buffer.size)).toBeLessThanOrEqual(1n << 28n)
    await expect(dma.allocate(page, { iova: 1n << 28n })).rejects.toThrow(code('IOVA_RESERVED'))
    const reserved = dma.allocate(page, { iova: iommu.interrupts, addressBits: 64 })
    await expect(reserved).rejects.toThrow(code('IOVA_RESERVED'))
    await expect(dma.allocate(page, { iova: (1n << 64n) - BigInt(page), addressBits: 64 })).rejects.toThrow(
      code('IOVA_RESERVED'),
    )
  })

  test('all buffers are unmapped in one go, and with the device', async (context) => {
    const device = await openEdu(context, mode)
    const { dma } = device
    const before = dma.availableMappings
    const buffers = [await dma.allocate(page), await dma.allocate(3 * page)]
    if (before !== null) expect(dma.availableMappings).toBe(before - 2)
    expect(dma.unmapAll()).toBe(BigInt(4 * page))
    expect(dma.availableMappings).toBe(before)
    expect(buffers.every(({ closed }) => closed)).toBe(true)
    const last = await dma.allocate(page)
    device.close()
    expect([last.closed, dma.buffers]).toEqual([true, []])
    await expect(dma.allocate(page)).rejects.toThrow(code('CLOSED'))
  })

  test('96 MiB are mapped in two pieces, between which the event loop runs', async (context) => {
    const device = await openEdu(context, mode)
    let turns = 0
    setImmediate(() => turns++)
    await using buffer = await device.dma.allocate(96 * MiB, { addressBits: 64 })
    expect(turns).toBe(1)
    buffer.view()[96 * MiB - 1] = 1
    expect(device.dma.find(buffer.iova + BigInt(70 * MiB))).toEqual({ buffer, offset: 70 * MiB })
  })
})

describe.each(translatingModes)('the limit on locked memory in mode %s', (mode) => {
  test('is MEMLOCK_EXCEEDED with what is needed, locked and allowed; what fits is mapped', async (context) => {
    const { dma, addressSpace } = await openEdu(context, mode)
    await limitLockedMemory(context, addressSpace.kernel, 4 * MiB)
    expect(dma.memlock()).toMatchObject({ limit: 4 * MiB, locked: 0, ignored: false })
    const first = await dma.allocate(3 * MiB)
    expect(dma.memlock()).toMatchObject({ locked: 3 * MiB })
    const counted =
      mode === 'iommufd'
        ? 'and in mode iommufd the limit of 4 MiB is for all processes of this user together: this one has 3 MiB'
        : '3 MiB are locked already, and the limit is 4 MiB'
    await expect(dma.allocate(2 * MiB)).rejects.toThrow(
      expect.objectContaining({
        code: 'MEMLOCK_EXCEEDED',
        errno: 'ENOMEM',
        message: expect.stringContaining(`it needs 2 MiB of locked memory, ${counted}`),
        facts: expect.objectContaining({ needed: 2 * MiB, limit: 4 * MiB, locked: 3 * MiB, ignored: false }),
      }),
    )
    expect([dma.buffers, dma.memlock()?.locked]).toEqual([[first], 3 * MiB])
    first.close()
    expect(dma.memlock()?.locked).toBe(0)
    await using second = await dma.allocate(4 * MiB)
    expect(dma.buffers).toEqual([second])
  })

  test('is raised by ourselves to the hard limit', async (context) => {
    const { dma, addressSpace } = await openEdu(context, mode)
    if (addressSpace.kernel.name === 'mock') context.skip('a process on the mock has one limit, soft and hard')
    await limitLockedMemory(context, addressSpace.kernel, MiB)
    await expect(dma.allocate(2 * MiB)).rejects.toThrow(code('MEMLOCK_EXCEEDED'))
    const { limit, hardLimit } = await dma.raiseMemlock()
    expect(limit).toBe(hardLimit)
    await using buffer = await dma.allocate(2 * MiB)
    expect(buffer.size).toBe(2 * MiB)
  })

  test('does not hold for CAP_IPC_LOCK', async (context) => {
    const { dma } = await openEdu(context, mode)
    if (dma.memlock()?.ignored !== true) context.skip('this process has no CAP_IPC_LOCK')
    await using buffer = await dma.allocate(16 * MiB)
    expect(dma.memlock()).toMatchObject({ locked: 16 * MiB, ignored: true })
    expect(buffer.size).toBe(16 * MiB)
  })
})
