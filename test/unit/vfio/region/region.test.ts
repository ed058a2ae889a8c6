import { describe, expect, test } from 'vitest'
import { systemError } from '../../../../src/base/system-error.ts'
import { openDevice } from '../../../../src/vfio/device.ts'
import type { Region } from '../../../../src/vfio/region/region.ts'
import { answerRegion, FakeKernel } from '../fake-kernel.ts'

function openRegion(values: Parameters<typeof answerRegion>[0] = {}) {
  const kernel = new FakeKernel()
  kernel.regions.set(0, answerRegion({ size: 0x1001n, offset: 0x2000n, flags: 3, ...values }))
  const device = openDevice(kernel, { group: 5, name: 'dev' })
  const region = device.regions.bar0
  kernel.calls.length = 0
  return { kernel, device, region }
}

const accesses: Readonly<Record<string, [width: number, access: (region: Region, offset: number) => unknown]>> = {
  read8: [1, (region, offset) => region.read8(offset)],
  read16: [2, (region, offset) => region.read16(offset)],
  read32: [4, (region, offset) => region.read32(offset)],
  read64: [8, (region, offset) => region.read64(offset)],
  write8: [1, (region, offset) => region.write8(offset, 0)],
  write16: [2, (region, offset) => region.write16(offset, 0)],
  write32: [4, (region, offset) => region.write32(offset, 0)],
  write64: [8, (region, offset) => region.write64(offset, 0n)],
}
const byName = Object.entries(accesses).map(([name, [width, access]]) => ({ name, width, access }))

describe('a trapped access', () => {
  test('is one pread of exactly its width, little-endian', () => {
    const { kernel, region } = openRegion()
    kernel.transfer = (bytes) => {
      bytes.set([1, 2, 3, 4, 5, 6, 7, 0x88].slice(0, bytes.length))
      return bytes.length
    }
    expect([region.read8(1), region.read16(2), region.read32(4), region.read64(8)]).toEqual([
      0x01,
      0x0201,
      0x0403_0201,
      0x8807_0605_0403_0201n,
    ])
    expect(kernel.calls).toEqual(['pread 1@0x2001', 'pread 2@0x2002', 'pread 4@0x2004', 'pread 8@0x2008'])
  })

  test('is one pwrite of exactly its width, little-endian', () => {
    const { kernel, region } = openRegion()
    region.write8(1, 0xff)
    region.write16(2, 0x0102)
    region.write32(4, 0xdead_beef)
    region.write64(8, 0xffff_ffff_0000_0001n)
    expect(kernel.calls).toEqual([
      'pwrite ff@0x2001',
      'pwrite 0201@0x2002',
      'pwrite efbeadde@0x2004',
      'pwrite 01000000ffffffff@0x2008',
    ])
  })

  test('of bytes is one call of their length, anywhere in the region', () => {
    const { kernel, region } = openRegion()
    const bytes = new Uint8Array(3)
    region.readInto(0xffe, bytes)
    expect(bytes).toEqual(Uint8Array.of(0x5a, 0x5a, 0x5a))
    region.writeFrom(5, Uint8Array.of(1, 2))
    region.readInto(0x1001, new Uint8Array())
    expect(kernel.calls).toEqual(['pread 3@0x2ffe', 'pwrite 0102@0x2005'])
  })
})

describe.each(byName)('$name', ({ width, access }) => {
  test('reaches the last aligned place and nothing after it', () => {
    const { kernel, region } = openRegion()
    const last = Math.floor((0x1001 - width) / width) * width
    access(region, last)
    expect(kernel.calls).toHaveLength(1)
    for (const offset of [last + width, 0x1001, 0x2000, Number.MAX_SAFE_INTEGER]) {
      expect(() => access(region, offset)).toThrow(
        expect.objectContaining({
          code: 'OUT_OF_RANGE',
          facts: { region: 'bar0', offset, length: width, size: 0x1001 },
        }),
      )
    }
    expect(kernel.calls).toHaveLength(1)
  })

  test.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY])('has no offset %d', (offset) => {
    const { kernel, region } = openRegion()
    expect(() => access(region, offset)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
    expect(kernel.calls).toEqual([])
  })

  if (width > 1)
    test('wants an offset that is a multiple of its width', () => {
      const { kernel, region } = openRegion()
      expect(() => access(region, width / 2)).toThrow(
        expect.objectContaining({ code: 'INVALID_ARGUMENT', facts: { region: 'bar0', offset: width / 2, width } }),
      )
      expect(kernel.calls).toEqual([])
    })

  test('finds nothing in a region of size 0', () => {
    const { kernel, region } = openRegion({ size: 0n })
    expect(() => access(region, 0)).toThrow(expect.objectContaining({ code: 'OUT_OF_RANGE' }))
    expect(kernel.calls).toEqual([])
  })

  test('is NOT_SUPPORTED where the region lacks the flag', () => {
    const { kernel, region } = openRegion({ flags: 4 })
    expect(() => access(region, 0)).toThrow(expect.objectContaining({ code: 'NOT_SUPPORTED' }))
    expect(kernel.calls).toEqual([])
  })

  test('is NOT_SUPPORTED past the file offsets that a number holds', () => {
    const { kernel, region } = openRegion({ offset: 1n << 53n })
    expect(() => access(region, 0)).toThrow(expect.objectContaining({ code: 'NOT_SUPPORTED' }))
    expect(kernel.calls).toEqual([])
  })

  test.each([0, width - 1, width + 1])('that moves %d bytes is MALFORMED_REPLY', (moved) => {
    const { kernel, region } = openRegion()
    kernel.transfer = () => moved
    expect(() => access(region, 8)).toThrow(
      expect.objectContaining({
        code: 'MALFORMED_REPLY',
        facts: { region: 'bar0', offset: 8, requested: width, moved },
      }),
    )
  })

  test.each([
    ['EIO', 'DEVICE_MEMORY_GONE', /at 0x8 of region bar0 .*memory decoding/],
    ['EFAULT', 'SYSTEM_CALL_FAILED', /at 0x8 of region bar0 .*nothing there/],
  ])('that gets %s is %s', (errno, code, message) => {
    const { kernel, region } = openRegion()
    kernel.transfer = () => {
      throw systemError(errno, 'pread')
    }
    expect(() => access(region, 8)).toThrow(
      expect.objectContaining({ errno, code, message: expect.stringMatching(message) }),
    )
  })

  test('of a closed device is CLOSED', () => {
    const { kernel, device, region } = openRegion()
    device.close()
    kernel.calls.length = 0
    expect(() => access(region, 0)).toThrow(expect.objectContaining({ code: 'CLOSED' }))
    expect(kernel.calls).toEqual([])
  })
})

describe('a value to write', () => {
  test.each([
    [(region: Region) => region.write8(0, 256)],
    [(region: Region) => region.write16(0, -1)],
    [(region: Region) => region.write32(0, 2 ** 32)],
    [(region: Region) => region.write32(0, 1.5)],
    [(region: Region) => region.write64(0, 1n << 64n)],
    [(region: Region) => region.write64(0, -1n)],
  ])('fits its width or never reaches the device: %s', (write) => {
    const { kernel, region } = openRegion()
    expect(() => write(region)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
    expect(kernel.calls).toEqual([])
  })
})
