import { describe, expect, onTestFinished, type TestContext, test } from 'vitest'
import { type Device, openDevice } from '../../../src/vfio/device.ts'
import type { DmaBuffer } from '../../../src/vfio/dma/dma-buffer.ts'
import { bindForMode, type TranslatingMode, translatingModes } from '../iommu-modes.ts'
import { page } from '../machine.ts'
import type { BoundPci } from '../pci.ts'
import { EduDriver, maxBytes } from './edu-driver.ts'

function openEdu({ kernel, address, group }: BoundPci, iommu: TranslatingMode): Device {
  return openDevice(kernel, { group, name: address }, { iommu, addressBits: 28 })
}

interface Opened {
  readonly edu: EduDriver
  readonly from: DmaBuffer
  readonly to: DmaBuffer
  /** An address where nothing is mapped any more, and the memory that was. */
  readonly unmapped: bigint
  readonly formerly: Uint8Array
}

/** An edu with its driver, two buffers, and an address where a third was. */
async function start(context: TestContext, mode: TranslatingMode): Promise<Opened> {
  const device = openEdu(await bindForMode(context, mode, 'edu'), mode)
  onTestFinished(() => device.close())
  const [from, to] = [await device.dma.allocate(page), await device.dma.allocate(page)]
  const memory = device.addressSpace.kernel.allocateMemory({ size: page, kind: 'anonymous' })
  onTestFinished(() => memory.close())
  const gone = await device.dma.map(memory)
  gone.close()
  return { edu: new EduDriver(device), from, to, unmapped: gone.iova, formerly: memory.view() }
}

/** Copies a pattern that is different each time, and looks whether it has arrived. */
async function copyAndCompare({ edu, from, to }: Opened, seed: number, count = maxBytes): Promise<void> {
  const bytes = Uint8Array.from({ length: count }, (_, at) => (at * 31 + seed) & 0xff)
  from.view().set(bytes)
  to.view().fill(0)
  await edu.copy(from.iova, to.iova, count)
  expect(Buffer.compare(to.view().subarray(0, count), bytes)).toBe(0)
  expect(
    to
      .view()
      .subarray(count)
      .every((byte) => byte === 0),
  ).toBe(true)
}

function quiet({ edu }: Opened): boolean {
  const { kernel } = edu.device.addressSpace
  return kernel.waitForEventfd(Int32Array.of(edu.irq.eventfd(0)), 0, 0, new Float64Array(1)) === -1
}

describe.each(translatingModes)('the DMA engine of edu in mode %s', (mode) => {
  test('copies, and no interrupt comes that was not asked for', async (context) => {
    const opened = await start(context, mode)
    await copyAndCompare(opened, 1)
    expect(quiet(opened)).toBe(true)
    await opened.edu.interrupt()
    expect(quiet(opened)).toBe(true)
  })

  test('fetches nothing from where no buffer is, and the next copy is right', async (context) => {
    const opened = await start(context, mode)
    const { edu, from, to, unmapped, formerly } = opened
    formerly.fill(0x5a)
    from.view().fill(0x11)
    await edu.fetch(from.iova, 64)
    await edu.fetch(unmapped, 64)
    await edu.store(to.iova, 64)
    expect(to.view().subarray(0, 64).includes(0x5a)).toBe(false)
    await copyAndCompare(opened, 2)
    expect(quiet(opened)).toBe(true)
  })

  test('stores nothing to where no buffer is, and the next copy is right', async (context) => {
    const opened = await start(context, mode)
    const { edu, from, unmapped, formerly } = opened
    from.view().fill(0x22)
    await edu.copy(from.iova, unmapped, 64)
    expect(formerly.every((byte) => byte === 0)).toBe(true)
    await copyAndCompare(opened, 3)
    expect(quiet(opened)).toBe(true)
  })

  test('does all of that ten times over, in turns', async (context) => {
    const opened = await start(context, mode)
    const { edu, unmapped, formerly } = opened
    for (let time = 0; time < 10; time++) {
      await copyAndCompare(opened, time, 64 + time)
      await edu.fetch(unmapped, 64)
      await edu.store(unmapped, 64)
      await edu.interrupt()
      expect(quiet(opened)).toBe(true)
    }
    expect(formerly.every((byte) => byte === 0)).toBe(true)
  })

  test('works for a driver that comes and goes ten times', async (context) => {
    const bound = await bindForMode(context, mode, 'edu')
    for (let time = 0; time < 10; time++) {
      using device = openEdu(bound, mode)
      const edu = new EduDriver(device)
      expect(edu.alive).toBe(true)
      await edu.interrupt()
      const buffer = await device.dma.allocate(page)
      await edu.fetch(buffer.iova, 16)
      edu.close()
      expect(device.pci.busMaster).toBe(false)
    }
  })

  test('copies one after the other, of every size and place, in a storm', async (context) => {
    const opened = await start(context, mode)
    const { edu, from, to } = opened
    const bytes = Uint8Array.from({ length: page }, (_, at) => (at * 7) & 0xff)
    from.view().set(bytes)
    const expected = new Uint8Array(page)
    for (const [source, destination, count] of [
      [0, 0, 1],
      [1, 3, 2],
      [4095, 7, 1],
      [8, 1024, 1000],
      [3, 2049, 2047],
      [2048, 17, 511],
      [1, 1, 4095],
      [0, 4095, 1],
      [64, 128, 64],
      [5, 0, 4091],
    ] as const) {
      await edu.copy(from.iovaOf(source), to.iovaOf(destination), count)
      expected.set(bytes.subarray(source, source + count), destination)
      expect(Buffer.compare(to.view(), expected)).toBe(0)
    }
    expect(quiet(opened)).toBe(true)
  })
})
