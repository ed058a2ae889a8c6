import { describe, expect, test } from 'vitest'
import { decodeRegionInfo, regionFlag, vfioRegionInfo } from '../../../src/uapi/region.ts'
import { encode } from '../../../src/uapi/struct.ts'
import { concat, u32s, u64s, withCapabilities } from './bytes.ts'

const readAndCaps = regionFlag.VFIO_REGION_INFO_FLAG_READ | regionFlag.VFIO_REGION_INFO_FLAG_CAPS
const struct = encode(vfioRegionInfo, {
  argsz: 32,
  flags: readAndCaps,
  index: 9,
  cap_offset: 32,
  size: 0x1000n,
  offset: 0x2000n,
})

describe('a region info', () => {
  test('gives flags by name and 64-bit sizes whole', () => {
    const bytes = encode(vfioRegionInfo, {
      argsz: 32,
      flags: 5,
      index: 0,
      size: 0xffff_ffff_ffff_f000n,
      offset: 1n << 63n,
    })
    expect(decodeRegionInfo(bytes)).toEqual({
      index: 0,
      flags: { read: true, write: false, mmap: true },
      size: 0xffff_ffff_ffff_f000n,
      offset: 1n << 63n,
      capabilities: [],
    })
  })

  test('without the CAPS flag has no capabilities, whatever cap_offset holds', () => {
    expect(decodeRegionInfo(encode(vfioRegionInfo, { flags: 1, cap_offset: 3 })).capabilities).toEqual([])
  })

  test('carries sparse areas, its type, and whether the MSI-X table may be mapped over', () => {
    const areas = concat(u32s(2, 0), u64s(0n, 0x1000n, 0x3000n, 1n << 40n))
    const bytes = withCapabilities(struct, 104, {
      32: { id: 1, next: 80, body: areas },
      80: { id: 2, next: 96, body: u32s(0x8000_8086, 1) },
      96: { id: 3, next: 0 },
    })
    expect(decodeRegionInfo(bytes).capabilities).toEqual([
      {
        name: 'sparse-mmap',
        areas: [
          { offset: 0n, size: 0x1000n },
          { offset: 0x3000n, size: 1n << 40n },
        ],
      },
      { name: 'type', type: 0x8000_8086, subtype: 1 },
      { name: 'msix-mappable' },
    ])
  })

  test('keeps a capability that is not known, or of a newer version, as it came', () => {
    const bytes = withCapabilities(struct, 64, {
      32: { id: 99, next: 48, body: u32s(0x0403_0201, 0) },
      48: { id: 2, version: 2, next: 0, body: u32s(5, 6) },
    })
    expect(decodeRegionInfo(bytes).capabilities).toEqual([
      { name: 'unknown', id: 99, version: 1, data: Uint8Array.of(1, 2, 3, 4, 0, 0, 0, 0) },
      { name: 'unknown', id: 2, version: 2, data: Uint8Array.of(5, 0, 0, 0, 6, 0, 0, 0) },
    ])
  })

  test.each([
    ['whose areas run past its end', 64, { 32: { id: 1, next: 0, body: u32s(2, 0) } }],
    ['of 2^32-1 areas', 64, { 32: { id: 1, next: 0, body: u32s(0xffff_ffff, 0) } }],
    [
      'whose areas run into the next capability',
      80,
      { 32: { id: 1, next: 56, body: u32s(1, 0) }, 56: { id: 3, next: 0 } },
    ],
  ])('with a sparse-mmap %s is MALFORMED_REPLY', (_, length, capabilities) => {
    const bytes = withCapabilities(struct, length, capabilities)
    expect(() => decodeRegionInfo(bytes)).toThrow(
      expect.objectContaining({ code: 'MALFORMED_REPLY', message: expect.stringContaining('areas and has room for') }),
    )
  })

  test('with a type cut short is MALFORMED_REPLY', () => {
    const bytes = withCapabilities(struct, 44, { 32: { id: 2, next: 0, body: u32s(1) } })
    expect(() => decodeRegionInfo(bytes)).toThrow(expect.objectContaining({ code: 'MALFORMED_REPLY' }))
  })
})
