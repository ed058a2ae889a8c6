import { describe, expect, onTestFinished, type TestContext, test } from 'vitest'
import { openDevice } from '../../../src/vfio/device.ts'
import type { DmaBuffer } from '../../../src/vfio/dma/dma-buffer.ts'
import { EduDriver } from '../drivers/edu-driver.ts'
import { bindForMode, type TranslatingMode, translatingModes } from '../iommu-modes.ts'
import { page } from '../machine.ts'
import { forkChild } from './forked-child.ts'

async function open(context: TestContext, mode: TranslatingMode) {
  const bound = await bindForMode(context, mode, 'edu')
  const { kernel, address, group } = bound
  const device = openDevice(kernel, { group, name: address }, { iommu: mode, addressBits: 28 })
  onTestFinished(() => device.close())
  return { ...bound, device, edu: new EduDriver(device) }
}

/** The device reads what we write now, and we what it writes. */
async function expectShared(edu: EduDriver, from: DmaBuffer, to: DmaBuffer, seed: number): Promise<void> {
  from.view().fill(seed)
  await edu.copy(from.iova, to.iova, 64)
  expect(to.view().subarray(0, 65)).toEqual(Uint8Array.from({ length: 65 }, (_, at) => (at < 64 ? seed : 0)))
}

describe.each(translatingModes)('a forked child in mode %s', (mode) => {
  test('leaves buffers as they are for us and the device, while it lives and once it is gone', async (context) => {
    const { device, edu, name } = await open(context, mode)
    const [from, to] = [await device.dma.allocate(page), await device.dma.allocate(page)]
    await expectShared(edu, from, to, 0x11)
    const child = await forkChild(context, name)
    await expectShared(edu, from, to, 0x22)
    const locked = device.dma.memlock()?.locked
    child.end()
    await expectShared(edu, from, to, 0x33)
    expect(device.dma.memlock()?.locked).toBe(locked)
    from.close()
    expect(device.dma.buffers).toEqual([to])
    await using again = await device.dma.allocate(page)
    await expectShared(edu, again, to, 0x44)
  })

  test('keeps the device from being opened again until it is gone', async (context) => {
    const { device, name, kernel, address, group } = await open(context, mode)
    const child = await forkChild(context, name)
    device.close()
    expect(() => openDevice(kernel, { group, name: address }, { iommu: mode })).toThrow(
      expect.objectContaining({ code: 'DEVICE_BUSY' }),
    )
    child.end()
    openDevice(kernel, { group, name: address }, { iommu: mode }).close()
  })
})
