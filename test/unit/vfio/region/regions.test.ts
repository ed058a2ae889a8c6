import { describe, expect, test } from 'vitest'
import { vfioRegionInfo } from '../../../../src/uapi/region.ts'
import { decode, encodeInto } from '../../../../src/uapi/struct.ts'
import { openDevice } from '../../../../src/vfio/device.ts'
import { u32s, withCapabilities } from '../../uapi/bytes.ts'
import { answerDevice, answerRegion, FakeKernel } from '../fake-kernel.ts'

function open(kernel: FakeKernel) {
  const device = openDevice(kernel, { group: 5, name: 'dev' })
  kernel.calls.length = 0
  return device
}

function kernelWith(regions: Readonly<Record<number, Parameters<typeof answerRegion>[0]>>): FakeKernel {
  const kernel = new FakeKernel()
  for (const [index, values] of Object.entries(regions)) kernel.regions.set(Number(index), answerRegion(values))
  return kernel
}

const asked = 'VFIO_DEVICE_GET_REGION_INFO'

describe('the regions of a device', () => {
  test('are those the kernel answers: an index may be missing', () => {
    const { regions } = open(kernelWith({ 0: { size: 8n, flags: 3 }, 7: { size: 0xffn, flags: 3 }, 8: {} }))
    expect(Array.from(regions, ({ index, name, size }) => [index, name, size])).toEqual([
      [0, 'bar0', 8],
      [7, 'config', 0xff],
      [8, 'vga', 0],
    ])
  })

  test('are found by index, by name and by property, and asked for once', () => {
    const kernel = kernelWith({ 0: { size: 8n }, 7: { size: 0xffn } })
    const { regions } = open(kernel)
    expect(regions.get('config')).toBe(regions.get(7))
    expect(regions.config).toBe(regions.get(7))
    expect(regions.bar0).toBe(regions.get(0))
    expect(kernel.calls).toEqual([asked, asked])
  })

  test('may lie beyond num_regions, and are reached by number there', () => {
    const kernel = kernelWith({ 16: { size: 0x20_0000n, offset: 0x1000n, flags: 7 } })
    const { regions } = open(kernel)
    expect(regions.get(16)).toMatchObject({ index: 16, name: 'region16', size: 0x20_0000, offset: 0x1000n })
    expect(regions.get('region16')).toBe(regions.get(16))
    expect([...regions]).toEqual([])
  })

  test.each(['vga', 'region7', 'region07', 'config ', 'region99999999999', 4])(
    'that are not there are NOT_FOUND, with those that are: %s',
    (which) => {
      const { regions } = open(kernelWith({ 0: { size: 8n }, 1: { size: 0n }, 7: { size: 0xffn } }))
      expect(() => regions.get(which)).toThrow(
        expect.objectContaining({ code: 'NOT_FOUND', facts: { region: which, regions: ['bar0', 'config'] } }),
      )
    },
  )

  test.each([-1, 1.5, 2 ** 32])('have no index %d', (index) => {
    const kernel = new FakeKernel()
    const { regions } = open(kernel)
    expect(() => regions.get(index)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
    expect(kernel.calls).toEqual([])
  })

  test('of a platform device are numbered', () => {
    const kernel = kernelWith({ 0: {}, 3: {} })
    kernel.deviceInfo = answerDevice({ flags: 4, num_regions: 4 })
    expect(Array.from(open(kernel).regions, ({ name }) => name)).toEqual(['region0', 'region3'])
  })

  test('are not to be had from a closed device', () => {
    const device = open(kernelWith({ 7: { size: 0xffn } }))
    expect(device.regions.config.size).toBe(0xff)
    device.close()
    expect(() => device.regions.config).toThrow(expect.objectContaining({ code: 'CLOSED' }))
    expect(() => [...device.regions]).toThrow(expect.objectContaining({ code: 'CLOSED' }))
  })

  test('keep the errno of a failure that does not mean absence', () => {
    const kernel = new FakeKernel()
    kernel.failing.set(asked, 'ENODEV')
    expect(() => open(kernel).regions.get(0)).toThrow(
      expect.objectContaining({
        code: 'SYSTEM_CALL_FAILED',
        errno: 'ENODEV',
        message: expect.stringContaining('bar0'),
      }),
    )
  })

  test('too large for a number are MALFORMED_REPLY', () => {
    const { regions } = open(kernelWith({ 0: { size: 1n << 53n } }))
    expect(() => regions.get(0)).toThrow(expect.objectContaining({ code: 'MALFORMED_REPLY' }))
  })
})

describe('a region with capabilities', () => {
  /** As a driver: answers what fits, and says in argsz how much there is. */
  function edidRegion(argszs: number[], whole: Uint8Array) {
    const kernel = new FakeKernel()
    kernel.regions.set(9, (bytes) => {
      argszs.push(decode(vfioRegionInfo, bytes).argsz)
      const before = { ...decode(vfioRegionInfo, bytes), argsz: 0, index: 0 }
      expect(before).toEqual({ argsz: 0, flags: 0, index: 0, cap_offset: 0, size: 0n, offset: 0n })
      bytes.set(whole.subarray(0, bytes.length))
    })
    return open(kernel).regions.get(9)
  }

  const struct = new Uint8Array(vfioRegionInfo.size)
  encodeInto(vfioRegionInfo, struct, {
    argsz: 48,
    flags: 0xb,
    index: 9,
    cap_offset: 32,
    size: 0x1000n,
    offset: 0x2000n,
  })
  const whole = withCapabilities(struct, 48, { 32: { id: 2, next: 0, body: u32s(1, 1) } })

  test('is asked for with the bare struct first, then with what the kernel needs', () => {
    const argszs: number[] = []
    expect(edidRegion(argszs, whole).capabilities).toEqual([{ name: 'type', type: 1, subtype: 1 }])
    expect(argszs).toEqual([32, 48])
  })

  test('whose cap_offset lies past the answer is MALFORMED_REPLY, not a read past the end', () => {
    const stuck = whole.slice()
    encodeInto(vfioRegionInfo, stuck, { argsz: 32 })
    expect(() => edidRegion([], stuck)).toThrow(expect.objectContaining({ code: 'MALFORMED_REPLY' }))
  })

  test('whose second answer ends before its capability is MALFORMED_REPLY', () => {
    const kernel = new FakeKernel()
    kernel.regions.set(9, (bytes) => {
      bytes.set(whole.subarray(0, bytes.length))
      if (bytes.length > 32) encodeInto(vfioRegionInfo, bytes, { argsz: 39 })
    })
    const { regions } = open(kernel)
    expect(() => regions.get(9)).toThrow(expect.objectContaining({ code: 'MALFORMED_REPLY' }))
  })

  test.each([0, 31, 0xffff_ffff])('that asks for %d bytes is MALFORMED_REPLY', (argsz) => {
    const argszs: number[] = []
    const odd = whole.slice()
    encodeInto(vfioRegionInfo, odd, { argsz })
    expect(() => edidRegion(argszs, odd)).toThrow(expect.objectContaining({ code: 'MALFORMED_REPLY' }))
    expect(argszs).toEqual([32])
  })

  test('that asks for more at every call is MALFORMED_REPLY after a few', () => {
    const kernel = new FakeKernel()
    kernel.regions.set(9, (bytes) => encodeInto(vfioRegionInfo, bytes, { argsz: bytes.length + 16, flags: 8 }))
    const { regions } = open(kernel)
    expect(() => regions.get(9)).toThrow(expect.objectContaining({ code: 'MALFORMED_REPLY' }))
    expect(kernel.calls).toHaveLength(4)
  })
})
