// A region is read and written in one of two ways. Trapped: each access is a pread or pwrite on the device's file, and
// the driver sees it. Mapped: the process has the memory itself, and the driver sees nothing. What a region allows stands
// in its flags, and for a region that allows both, in its sparse-mmap capability.
import { expect, test } from 'vitest'
import { type DeviceContext, MdevModel, MemoryRegion, SparseRegion, TrappedRegion } from '../../../src/mock.ts'
import { openPci } from '../pci.ts'
import { error, openModel, openMtty } from './host.ts'

const KiB = 1024

test('a region without MMAP is trapped: mtty’s UART', async (context) => {
  const { device } = await openMtty(context)
  const { bar0 } = device.regions
  expect(bar0.flags).toEqual({ read: true, write: true, mmap: false })

  const scratch = 7
  bar0.write8(scratch, 0x5a)
  expect(bar0.read8(scratch)).toBe(0x5a)

  expect(() => bar0.map()).toThrow(error('NOT_SUPPORTED'))
})

test('a region with MMAP is mapped, and can be trapped all the same: the registers of edu', async (context) => {
  const { device } = await openPci(context, 'edu')
  const { bar0 } = device.regions
  expect(bar0.flags).toEqual({ read: true, write: true, mmap: true })

  using mapped = bar0.map()
  const [identification, liveness] = [0x0, 0x4]
  expect(mapped.read32(identification)).toBe(bar0.read32(identification))
  mapped.write32(liveness, 0x1234_5678)
  expect(bar0.read32(liveness)).toBe(0xedcb_a987) // the device inverts what it is written
})

/** As many vGPUs are: a page of registers, whose every access the driver sees, before memory that it leaves alone. */
class Gpu extends MdevModel {
  readonly seen: string[] = []

  constructor(context: DeviceContext) {
    super(context)
    const registers = new TrappedRegion({
      size: 4 * KiB,
      read: (offset, width) => {
        this.seen.push(`read ${width} at ${offset}`)
        return 0x600d
      },
      write: (offset, value, width) => {
        this.seen.push(`write ${width} at ${offset}: ${value}`)
      },
    })
    const memory = new MemoryRegion({ size: 60 * KiB, mmap: 'direct' })
    const parts = [
      { offset: 0, region: registers },
      { offset: 4 * KiB, region: memory },
    ]
    this.addRegion(0, new SparseRegion({ size: 64 * KiB, parts }))
  }
}

test('a sparse region is mapped where its capability says so, and trapped elsewhere', async () => {
  const { device, model } = await openModel(Gpu)
  const { bar0 } = device.regions
  using mapped = bar0.map()
  expect(mapped.areas).toEqual([{ start: 4 * KiB, end: 64 * KiB }])
  mapped.write32(4 * KiB, 0xcafe)
  expect(mapped.read32(4 * KiB)).toBe(0xcafe)
  expect(model.seen).toEqual([])

  bar0.write16(8, 3)
  expect(bar0.read32(0)).toBe(0x600d)
  expect(model.seen).toEqual(['write 2 at 8: 3', 'read 4 at 0'])
})
