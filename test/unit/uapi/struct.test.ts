import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { vfioIrqInfo } from '../../../src/uapi/irq.ts'
import { vfioRegionInfo } from '../../../src/uapi/region.ts'
import { decode, encode, encodeInto } from '../../../src/uapi/struct.ts'

const u32 = fc.nat(0xffff_ffff)
const u64 = fc.bigInt(0n, 2n ** 64n - 1n)

describe('a struct', () => {
  test('reads back as it was written, at any place in a buffer', () => {
    const regionInfo = fc.record({ argsz: u32, flags: u32, index: u32, cap_offset: u32, size: u64, offset: u64 })
    fc.assert(
      fc.property(regionInfo, fc.nat(40), (values, at) => {
        const buffer = new Uint8Array(at + vfioRegionInfo.size)
        buffer.set(encode(vfioRegionInfo, values), at)
        expect(decode(vfioRegionInfo, buffer, at)).toEqual(values)
        expect(decode(vfioRegionInfo, buffer.subarray(at))).toEqual(values)
      }),
    )
  })

  test('is little-endian', () => {
    expect(encode(vfioIrqInfo, { argsz: 0x10, count: 0x0102_0304 })).toEqual(
      Uint8Array.of(0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 3, 2, 1),
    )
  })

  test('changes only the fields that are named', () => {
    const bytes = new Uint8Array(vfioIrqInfo.size).fill(0xaa)
    encodeInto(vfioIrqInfo, bytes, { index: 1 })
    expect(decode(vfioIrqInfo, bytes)).toEqual({ argsz: 0xaaaa_aaaa, flags: 0xaaaa_aaaa, index: 1, count: 0xaaaa_aaaa })
  })

  test.each([-1, 2 ** 32, 0.5, Number.NaN])('has no room for %d in 32 bits', (index) => {
    expect(() => encode(vfioIrqInfo, { index })).toThrow(RangeError)
  })

  test.each([-1n, 2n ** 64n])('has no room for %d in 64 bits', (size) => {
    expect(() => encode(vfioRegionInfo, { size })).toThrow(RangeError)
  })

  test('cut short is MALFORMED_REPLY, with how much was there', () => {
    expect(() => decode(vfioIrqInfo, new Uint8Array(15))).toThrow(
      expect.objectContaining({
        code: 'MALFORMED_REPLY',
        facts: { struct: 'vfio_irq_info', at: 0, bytes: 15, needed: 16 },
      }),
    )
  })
})
