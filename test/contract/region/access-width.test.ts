import { describe, expect, type TestContext, test } from 'vitest'
import { widthAt } from '../../../src/cli/device/access-width.ts'
import type { Region } from '../../../src/vfio/region/region.ts'
import type { RegionAccess } from '../../../src/vfio/region/region-access.ts'
import { isLinuxBefore } from '../kernel.ts'
import { survivesRefusedWidth } from '../machine.ts'
import { hasOwnPages, openPci } from '../pci.ts'

const ways: readonly (readonly [string, (region: Region) => RegionAccess])[] = [
  ['trapped', (region) => region],
  ['mapped', (region) => region.map()],
]

async function countingBar(context: TestContext, way: string): Promise<Region> {
  const { device } = await openPci(context, 'pci-testdev')
  const { bar0 } = device.regions
  if (way === 'mapped' && !hasOwnPages(device, bar0)) context.skip('its BAR shares a page of this kernel')
  return bar0
}

describe.each(ways)('a %s access', (way, access) => {
  test('an access of 1 or 2 bytes does not reach edu, which takes 4: no wider one was made of it', async (context) => {
    if (!survivesRefusedWidth) context.skip('a refused width takes this kernel down')
    const edu = access((await openPci(context, 'edu')).device.regions.bar0)
    edu.write32(0x04, 0x0000_0000)
    expect(edu.read32(0x04)).toBe(0xffff_ffff)
    edu.write8(0x04, 0x55)
    edu.write16(0x04, 0x5555)
    expect(edu.read32(0x04)).toBe(0xffff_ffff)
    expect(edu.read32(0x00)).toBe(0x0100_00ed)
    expect([edu.read8(0x00), edu.read16(0x00)]).not.toEqual([0xed, 0x00ed])
  })

  test.for([
    [8, 1],
    [16, 2],
    [32, 4],
  ] as const)(
    'an access of %d bits writes and reads exactly its %d bytes: shared memory of ivshmem',
    async ([bits], context) => {
      const memory = access((await openPci(context, 'ivshmem')).device.regions.bar2)
      const bytes = bits / 8
      for (let at = 0; at < 16; at += 8) memory.write64(at, 0xffff_ffff_ffff_ffffn)
      if (bits === 8) memory.write8(bytes, 0x11)
      else if (bits === 16) memory.write16(bytes, 0x1111)
      else memory.write32(bytes, 0x1111_1111)
      const around = new Uint8Array(16)
      memory.readInto(0, around)
      const expected = new Uint8Array(16).fill(0xff)
      expected.fill(0x11, bytes, 2 * bytes)
      expect(around).toEqual(expected)
      const reads = [memory.read8(bytes), memory.read16(bytes & ~1), memory.read32(bytes & ~3), memory.read64(0)]
      expect(reads).toEqual([...littleEndian(expected, bytes)])
    },
  )

  test('reaches pci-testdev once: it counts its accesses', async (context) => {
    const testdev = access(await countingBar(context, way))
    // struct pci_test_dev_hdr: u8 test, u8 width, u16, u32 offset, u32 data, u32 count; the first test counts all writes
    testdev.write8(0, 0)
    const place = testdev.read32(4)
    const data = testdev.read32(8)
    expect(testdev.read32(12)).toBe(0)
    for (let count = 1; count <= 3; count++) {
      testdev.write8(place, data & 0xff)
      expect(testdev.read32(12)).toBe(count)
    }
  })

  test('an access of one byte goes to the eventfd of pci-testdev, where a test has one, and a wider one past it', async (context) => {
    const testdev = access(await countingBar(context, way))
    for (const number of [1, 2]) {
      testdev.write8(0, number)
      const place = testdev.read32(4)
      testdev.write8(place, testdev.read32(8) & 0xff)
      expect(testdev.read32(12)).toBe(0)
      testdev.write32(place & ~3, 0xfafa_fafa)
      expect(testdev.read32(12)).toBe(1)
      testdev.write32(place & ~3, 0x0000_0000)
      expect(testdev.read32(12)).toBe(number === 1 ? 2 : 1)
    }
  })
})

test('bytes of a mapping are accesses of 4: edu takes no other', async (context) => {
  const { bar0 } = (await openPci(context, 'edu')).device.regions
  bar0.write32(0x04, 0x0000_ffff)
  const bytes = new Uint8Array(8)
  bar0.map().readInto(0x00, bytes)
  expect([...bytes]).toEqual([0xed, 0x00, 0x00, 0x01, 0x00, 0x00, 0xff, 0xff])
  bar0.map().writeFrom(0x04, Uint8Array.of(0xff, 0xff, 0xff, 0xff))
  expect(bar0.read32(0x04)).toBe(0)
})

test('8 bytes are one access to a mapping; trapped, they are two of 4 before Linux 6.12', async (context) => {
  const opened = await openPci(context, 'edu')
  const { bar0 } = opened.device.regions
  const mapped = bar0.map()
  // from 0x80 on, edu takes 4 and 8 bytes as the whole of a register, and has nothing at 0x84
  mapped.write64(0x80, 0x0123_4567_89ab_cdefn)
  expect(mapped.read64(0x80)).toBe(0x0123_4567_89ab_cdefn)
  const splits = isLinuxBefore(opened, 6, 12)
  expect(bar0.read64(0x80)).toBe(splits ? 0xffff_ffff_89ab_cdefn : 0x0123_4567_89ab_cdefn)
  bar0.write64(0x80, 0x1111_1111_2222_2222n)
  expect(mapped.read64(0x80)).toBe(splits ? 0x2222_2222n : 0x1111_1111_2222_2222n)
})

test('where no width is given, the commands access a memory BAR in 32 bits or not at all, and the rest as wide as it is', async (context) => {
  const { device } = await openPci(context, 'edu')
  const { bar0, config } = device.regions
  const widthIn = (region: Region, offset: number, width: 8 | 16 | 32 | 64 | null = null, bytes = false) =>
    widthAt(device, region, { offset, width }, { bytes })
  expect(widthIn(bar0, 0)).toBe(32)
  expect(bar0.read32(0)).toBe(0x0100_00ed)
  for (const offset of [1, 2, 3, 0x83]) expect(() => widthIn(bar0, offset)).toThrow('say how wide an access is')
  expect(() => widthIn(bar0, 0, null, true)).toThrow('say how wide an access is')
  expect(widthIn(bar0, 2, 16)).toBe(16)
  expect([0, 2, 3].map((offset) => widthIn(config, offset))).toEqual([32, 16, 8])
  expect(widthIn(config, 2, 16)).toBe(16)
  const adapter = (await openPci(context, 'e1000e')).device
  const ports = adapter.regions.bar2
  const widths = [0, 2, 1].map((offset) => widthAt(adapter, ports, { offset, width: null }, { bytes: false }))
  expect(widths).toEqual([32, 16, 8])
})

function* littleEndian(bytes: Uint8Array, at: number): Generator<number | bigint> {
  const view = new DataView(bytes.buffer)
  yield view.getUint8(at)
  yield view.getUint16(at & ~1, true)
  yield view.getUint32(at & ~3, true)
  yield view.getBigUint64(0, true)
}
