import { describe, expect, test } from 'vitest'
import { infoCapabilities } from '../../../src/uapi/struct.ts'
import { withCapabilities } from './bytes.ts'

const fixed = new Uint8Array(32)

function walk(length: number, capabilities: Parameters<typeof withCapabilities>[2], first = 32) {
  return infoCapabilities('vfio_region_info', withCapabilities(fixed, length, capabilities), first, fixed.length)
}

describe('an info capability chain', () => {
  test('is given in chain order, each capability up to where the next one or the answer begins', () => {
    const chain = walk(64, { 48: { id: 7, next: 32 }, 32: { id: 3, version: 2, next: 0 } }, 48)
    expect(chain.map(({ id, version, bytes }) => [id, version, bytes.length])).toEqual([
      [7, 1, 16],
      [3, 2, 16],
    ])
  })

  test('of offset 0 is empty', () => {
    expect(walk(32, {}, 0)).toEqual([])
  })

  test('may begin on a 4-byte boundary, as s390 devices before kernel 6.6 do', () => {
    expect(walk(52, { 36: { id: 1, next: 44 }, 44: { id: 2, next: 0 } }, 36).map(({ id }) => id)).toEqual([1, 2])
  })

  test.each([
    ['comes back to itself', { 32: { id: 1, next: 32 } }, /comes back to offset 32/],
    ['runs in a circle', { 32: { id: 1, next: 40 }, 40: { id: 2, next: 32 } }, /comes back to offset 32/],
    ['points into the struct', { 32: { id: 1, next: 8 } }, /offset 8 lies inside/],
    ['points off the grid', { 32: { id: 1, next: 42 } }, /offset 42 is not aligned/],
    ['points past the end', { 32: { id: 1, next: 0xffff_fff8 } }, /past the 64 bytes/],
    ['ends in half a header', { 32: { id: 1, next: 60 } }, /offset 60 is past/],
  ])('that %s is MALFORMED_REPLY', (_, capabilities, message) => {
    expect(() => walk(64, capabilities)).toThrow(
      expect.objectContaining({ code: 'MALFORMED_REPLY', message: expect.stringMatching(message) }),
    )
  })

  test('of more links than any device has is MALFORMED_REPLY', () => {
    const links = Array.from({ length: 65 }, (_, link) => [
      32 + 8 * link,
      { id: 1, next: link === 64 ? 0 : 40 + 8 * link },
    ])
    expect(() => walk(32 + 65 * 8, Object.fromEntries(links))).toThrow(/more than 64 links/)
    const fewer = Array.from({ length: 64 }, (_, link) => [
      32 + 8 * link,
      { id: 1, next: link === 63 ? 0 : 40 + 8 * link },
    ])
    expect(walk(32 + 64 * 8, Object.fromEntries(fewer))).toHaveLength(64)
  })
})
