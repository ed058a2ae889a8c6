import { describe, expect, onTestFinished, type TestContext, test } from 'vitest'
import { type Device, openDevice } from '../../../src/vfio/device.ts'
import { EduDriver } from '../drivers/edu-driver.ts'
import { bindForMode, type TranslatingMode, translatingModes } from '../iommu-modes.ts'
import { hugePage, page } from '../machine.ts'
import { reserveHugePages } from './huge-pages.ts'

const GiB = 2 ** 30

async function openEdu(context: TestContext, mode: TranslatingMode): Promise<Device> {
  const { kernel, address, group } = await bindForMode(context, mode, 'edu')
  const device = openDevice(kernel, { group, name: address }, { iommu: mode, addressBits: 28 })
  onTestFinished(() => device.close())
  return device
}

describe.each(translatingModes)('a buffer of huge pages in mode %s', (mode) => {
  test('is whole huge pages, at an address that is a multiple of one; a device reaches both ends', async (context) => {
    const device = await openEdu(context, mode)
    const { dma, addressSpace } = device
    if (2 * hugePage >= 2 ** 28) context.skip('a device of 28 address bits reaches none of that size')
    await reserveHugePages(context, addressSpace.kernel, 2)
    // so that the next free address is no multiple
    await using first = await dma.allocate(page, { iova: 0x10_0000n })
    await using buffer = await dma.allocate(hugePage + 1, { hugePages: true })
    expect([buffer.size, buffer.iova % BigInt(hugePage)]).toEqual([2 * hugePage, 0n])
    first.view().fill(0x5a)
    const edu = new EduDriver(device)
    const last = buffer.size - 16
    await edu.copy(first.iova, buffer.iova, 16)
    await edu.copy(buffer.iova, buffer.iovaOf(last), 16)
    const filled = new Uint8Array(16).fill(0x5a)
    const view = buffer.view()
    expect([view.slice(0, 16), view[16], view[last - 1], view.slice(last)]).toEqual([filled, 0, 0, filled])
  })

  test('more huge pages than the host has are NO_HUGE_PAGES, with what is needed and what there is', async (context) => {
    const { dma, addressSpace } = await openEdu(context, mode)
    const { kernel } = addressSpace
    if (kernel.name === 'mock') context.skip('the mock has huge pages without end')
    await reserveHugePages(context, kernel, 1)
    const total = Number(kernel.files.read('/proc/sys/vm/nr_hugepages'))
    await using _all = await dma.allocate(total * hugePage, { hugePages: true, addressBits: 64 })
    await expect(dma.allocate(2 * hugePage, { hugePages: true })).rejects.toThrow(
      expect.objectContaining({
        code: 'NO_HUGE_PAGES',
        errno: 'ENOMEM',
        facts: { needed: 2, free: 0, total },
        hint: expect.stringContaining(`echo ${total + 2} > `),
      }),
    )
  })
})

describe.each(translatingModes)('1 GiB in mode %s', (mode) => {
  test('is a buffer, found from its first byte to its last until it is closed', async (context) => {
    const { dma } = await openEdu(context, mode)
    const buffer = await dma.allocate(GiB, { addressBits: 64 })
    expect([buffer.size, buffer.iova % BigInt(hugePage)]).toEqual([GiB, 0n])
    const end = buffer.iova + BigInt(GiB)
    for (const offset of [0, GiB / 2, GiB - 1]) {
      expect(dma.find(buffer.iova + BigInt(offset))).toEqual({ buffer, offset })
    }
    expect([dma.find(buffer.iova - 1n), dma.find(end)]).toEqual([null, null])
    const inTheMiddle = { iova: buffer.iova + BigInt(GiB / 2), addressBits: 64 }
    await expect(dma.allocate(page, inTheMiddle)).rejects.toThrow(expect.objectContaining({ code: 'IOVA_IN_USE' }))
    expect(dma.unmapAll()).toBe(BigInt(GiB))
    expect([buffer.closed, dma.find(buffer.iova)]).toEqual([true, null])
    await using there = await dma.allocate(page, inTheMiddle)
    expect(there.iova).toBe(inTheMiddle.iova)
  })
})
