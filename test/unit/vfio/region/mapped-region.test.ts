import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { vfioRegionInfo } from '../../../../src/uapi/region.ts'
import { encodeInto } from '../../../../src/uapi/struct.ts'
import { Descriptor } from '../../../../src/vfio/calls/descriptor.ts'
import { openDevice } from '../../../../src/vfio/device.ts'
import type { RegionAccess } from '../../../../src/vfio/region/region-access.ts'
import { u32s, withCapabilities } from '../../uapi/bytes.ts'
import { answerRegion, FakeKernel } from '../fake-kernel.ts'
import { LoggedMapping } from './logged-mapping.ts'

const base = 0x10000
const configBase = 0x80000

interface Made {
  readonly size?: number
  readonly flags?: number
  /** [offset, size] of the areas of a sparse-mmap capability. */
  readonly sparse?: readonly (readonly [number, number])[]
  readonly isMsixMappable?: boolean
  /** Offset of the MSI-X table in its BAR, bar0 unless told, and its number of vectors. */
  readonly msix?: { readonly offset: number; readonly vectors: number; readonly bar?: number }
}

/** A device with bar0 at 0x10000 of its file. Its calls are forgotten; mappings log theirs beside the kernel's. */
function open({ size = 0x4000, flags = 7, sparse, isMsixMappable = false, msix }: Made = {}) {
  const kernel = new FakeKernel()
  const mappings: LoggedMapping[] = []
  kernel.map = (offset, length) => {
    const mapping = new LoggedMapping(kernel.calls, offset, length)
    mappings.push(mapping)
    return mapping
  }
  const chain: Record<number, { id: number; next: number; body: Uint8Array }> = {}
  if (sparse !== undefined) {
    const areas = sparse.flatMap(([at, length]) => [at, 0, length, 0])
    chain[32] = { id: 1, next: isMsixMappable ? 8192 : 0, body: u32s(sparse.length, 0, ...areas) }
  }
  if (isMsixMappable) chain[sparse === undefined ? 32 : 8192] = { id: 3, next: 0, body: new Uint8Array() }
  const hasChain = Object.keys(chain).length > 0
  const struct = new Uint8Array(vfioRegionInfo.size)
  const argsz = hasChain ? 8200 : 32
  const place = { size: BigInt(size), offset: BigInt(base) }
  encodeInto(vfioRegionInfo, struct, {
    argsz,
    flags: flags | (hasChain ? 8 : 0),
    cap_offset: hasChain ? 32 : 0,
    ...place,
  })
  const answer = hasChain ? withCapabilities(struct, argsz, chain) : struct
  kernel.regions.set(0, (bytes) => bytes.set(answer.subarray(0, bytes.length)))
  kernel.regions.set(7, answerRegion({ size: 0x100n, offset: BigInt(configBase), flags: 3 }))
  const config = new Uint8Array(0x100)
  if (msix !== undefined) {
    config.set([0x34, 0x12], 0)
    config[0x06] = 0x10
    config[0x34] = 0x40
    const { offset, vectors, bar = 0 } = msix
    new DataView(config.buffer).setUint32(0x40, 0x11 | ((vectors - 1) << 16), true)
    new DataView(config.buffer).setUint32(0x44, offset | bar, true)
  }
  kernel.transfer = (bytes, at) => {
    if (at >= configBase) bytes.set(config.subarray(at - configBase, at - configBase + bytes.length))
    else bytes.fill(0x5a)
    return bytes.length
  }
  const device = openDevice(kernel, { group: 5, name: 'dev' })
  const { bar0 } = device.regions
  kernel.calls.length = 0
  return { kernel, device, bar0, mappings }
}

function mappedCalls(kernel: FakeKernel): string[] {
  return kernel.calls.filter((call) => call.startsWith('mmap'))
}

const accesses: Readonly<
  Record<string, [width: number, call: string, access: (r: RegionAccess, at: number) => unknown]>
> = {
  read8: [1, 'load', (region, at) => region.read8(at)],
  read16: [2, 'load', (region, at) => region.read16(at)],
  read32: [4, 'load', (region, at) => region.read32(at)],
  read64: [8, 'load', (region, at) => region.read64(at)],
  write8: [1, 'store', (region, at) => region.write8(at, 0xff)],
  write16: [2, 'store', (region, at) => region.write16(at, 0xffff)],
  write32: [4, 'store', (region, at) => region.write32(at, 0xffff_ffff)],
  write64: [8, 'store', (region, at) => region.write64(at, 2n ** 64n - 1n)],
}
const byName = Object.entries(accesses).map(([name, [width, call, access]]) => ({ name, width, call, access }))

describe('mapping a region', () => {
  test('maps it once, whole, as it can be accessed', () => {
    for (const [flags, access] of [
      [7, 'rw'],
      [5, 'r'],
      [6, 'w'],
    ] as const) {
      const { kernel, bar0 } = open({ flags })
      expect(bar0.map().areas).toEqual([{ start: 0, end: 0x4000 }])
      expect(mappedCalls(kernel)).toEqual([`mmap ${access} 0x4000@0x10000`])
    }
  })

  test('rounds a region that is smaller than a page up to one, and bounds its accesses all the same', () => {
    const { kernel, bar0 } = open({ size: 0x100 })
    const mapped = bar0.map()
    expect(mappedCalls(kernel)).toEqual(['mmap rw 0x1000@0x10000'])
    mapped.read32(0xfc)
    expect(() => mapped.read32(0x100)).toThrow(expect.objectContaining({ code: 'OUT_OF_RANGE' }))
    expect(() => mapped.readInto(0xff, new Uint8Array(2))).toThrow(expect.objectContaining({ code: 'OUT_OF_RANGE' }))
  })

  test.each([{ flags: 3 }, { flags: 4 }, { size: 0 }, { sparse: [] }, { sparse: [[0, 0x800]] as const }])(
    'is NOT_SUPPORTED where nothing of it can be: %o',
    (made) => {
      const { kernel, bar0 } = open(made)
      expect(() => bar0.map()).toThrow(
        expect.objectContaining({ code: 'NOT_SUPPORTED', message: 'region bar0 of device dev cannot be mapped' }),
      )
      expect(mappedCalls(kernel)).toEqual([])
    },
  )

  test('that the kernel refuses keeps its errno, and nothing mapped', () => {
    const { kernel, bar0 } = open({
      sparse: [
        [0, 0x1000],
        [0x2000, 0x1000],
      ],
    })
    kernel.failing.set('mmap rw 0x1000@0x12000', 'EINVAL')
    expect(() => bar0.map()).toThrow(
      expect.objectContaining({
        code: 'SYSTEM_CALL_FAILED',
        errno: 'EINVAL',
        message: expect.stringContaining('cannot map 0x1000 bytes at 0x2000 of region bar0 of device dev'),
      }),
    )
    expect(kernel.calls.at(-1)).toBe('munmap 0x1000@0x10000')
  })

  test('of a device that is closed is CLOSED', () => {
    const { kernel, device, bar0 } = open()
    device.close()
    expect(() => bar0.map()).toThrow(expect.objectContaining({ code: 'CLOSED' }))
    expect(mappedCalls(kernel)).toEqual([])
  })
})

describe.each(byName)('$name of a mapped region', ({ width, call, access }) => {
  test('is one access of exactly its width', () => {
    const { kernel, bar0 } = open()
    const mapped = bar0.map()
    kernel.calls.length = 0
    for (const offset of [0, 8, 0x4000 - width]) access(mapped, offset)
    expect(kernel.calls).toEqual([0, 8, 0x4000 - width].map((at) => `${call} ${width}@0x${(base + at).toString(16)}`))
  })

  test('is trapped outside the areas that can be mapped', () => {
    const { kernel, bar0 } = open({ sparse: [[0x1000, 0x1000]] })
    const mapped = bar0.map()
    kernel.calls.length = 0
    for (const offset of [0x1000 - width, 0x1000, 0x2000 - width, 0x2000]) access(mapped, offset)
    const trapped = call === 'load' ? `pread ${width}` : `pwrite ${'ff'.repeat(width)}`
    expect(kernel.calls).toEqual([
      `${trapped}@0x${(0x11000 - width).toString(16)}`,
      `${call} ${width}@0x11000`,
      `${call} ${width}@0x${(0x12000 - width).toString(16)}`,
      `${trapped}@0x12000`,
    ])
  })

  test('is refused before it reaches the device: beyond the region, unaligned, without the flag', () => {
    const { kernel, bar0 } = open()
    const mapped = bar0.map()
    const readOnly = open({ flags: call === 'load' ? 6 : 5 })
    const other = readOnly.bar0.map()
    kernel.calls.length = 0
    readOnly.kernel.calls.length = 0
    expect(() => access(mapped, 0x4000)).toThrow(expect.objectContaining({ code: 'OUT_OF_RANGE' }))
    expect(() => access(mapped, -width)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
    if (width > 1) expect(() => access(mapped, 1)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
    expect(() => access(other, 0)).toThrow(expect.objectContaining({ code: 'NOT_SUPPORTED' }))
    expect([...kernel.calls, ...readOnly.kernel.calls]).toEqual([])
  })

  test('of memory that is gone is DEVICE_MEMORY_GONE, and works again after', () => {
    const { bar0, mappings } = open()
    const mapped = bar0.map()
    for (const mapping of mappings) mapping.isGone = true
    expect(() => access(mapped, 8)).toThrow(
      expect.objectContaining({
        code: 'DEVICE_MEMORY_GONE',
        errno: 'EFAULT',
        message: expect.stringContaining('at 0x8 of region bar0 of device dev: the device does not answer'),
        hint: expect.stringContaining('device.pci.memoryDecode = true'),
      }),
    )
    for (const mapping of mappings) mapping.isGone = false
    access(mapped, 8)
  })

  test('of a closed mapping or device is CLOSED; the region itself goes on', () => {
    const { kernel, device, bar0 } = open()
    const [mine, devices] = [bar0.map(), bar0.map()]
    mine.close()
    expect(() => access(mine, 0)).toThrow(expect.objectContaining({ code: 'CLOSED' }))
    access(devices, 0)
    access(bar0, 0)
    device.close()
    kernel.calls.length = 0
    expect(() => access(devices, 0)).toThrow(expect.objectContaining({ code: 'CLOSED' }))
    expect(kernel.calls).toEqual([])
  })
})

describe('values of a mapped region', () => {
  test('are little-endian', () => {
    const { bar0, mappings } = open()
    const mapped = bar0.map()
    mapped.write64(8, 0x8807_0605_0403_0201n)
    expect(Array.from(mappings[0]?.view().subarray(8, 16) ?? [])).toEqual([1, 2, 3, 4, 5, 6, 7, 0x88])
    expect([mapped.read8(15), mapped.read16(8), mapped.read32(12)]).toEqual([0x88, 0x0201, 0x8807_0605])
  })

  test('fit their width or never reach the device', () => {
    const { kernel, bar0 } = open()
    const mapped = bar0.map()
    kernel.calls.length = 0
    for (const write of [
      () => mapped.write8(0, 256),
      () => mapped.write16(0, -1),
      () => mapped.write32(0, 0.5),
      () => mapped.write64(0, 2n ** 64n),
    ]) {
      expect(write).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
    }
    expect(kernel.calls).toEqual([])
  })
})

describe('bytes of a mapped region', () => {
  test('are moved in one call, at any offset', () => {
    const { kernel, bar0 } = open()
    const mapped = bar0.map()
    kernel.calls.length = 0
    const bytes = Uint8Array.from({ length: 12 }, (_, at) => at + 1)
    mapped.writeFrom(0x101, bytes)
    const back = new Uint8Array(14)
    mapped.readInto(0x100, back)
    expect([...back]).toEqual([0, ...bytes, 0])
    expect(kernel.calls).toEqual(['store 12@0x10101', 'load 14@0x10100'])
  })

  test('come from mapped and trapped parts, in order', () => {
    const { kernel, bar0 } = open({
      sparse: [
        [0x1000, 0x1000],
        [0x2000, 0x1000],
      ],
    })
    const mapped = bar0.map()
    kernel.calls.length = 0
    mapped.readInto(0xff8, new Uint8Array(0x2010))
    expect(kernel.calls).toEqual(['pread 8@0x10ff8', 'load 4096@0x11000', 'load 4096@0x12000', 'pread 8@0x13000'])
  })

  test('of length 0 are none, wherever the region ends', () => {
    const { kernel, bar0 } = open()
    const mapped = bar0.map()
    kernel.calls.length = 0
    mapped.readInto(0x4000, new Uint8Array())
    expect(kernel.calls).toEqual([])
  })

  test('of memory that is gone are DEVICE_MEMORY_GONE', () => {
    const { bar0, mappings } = open()
    const mapped = bar0.map()
    for (const mapping of mappings) mapping.isGone = true
    expect(() => mapped.readInto(0, new Uint8Array(8))).toThrow(expect.objectContaining({ code: 'DEVICE_MEMORY_GONE' }))
  })
})

describe('the MSI-X table of a mapped region', () => {
  const msix = { offset: 0x2000, vectors: 65 }

  test('is not mapped, nor the rest of its pages', () => {
    const { kernel, bar0 } = open({ msix })
    const mapped = bar0.map()
    expect(mappedCalls(kernel)).toEqual(['mmap rw 0x2000@0x10000', 'mmap rw 0x1000@0x13000'])
    kernel.calls.length = 0
    mapped.read32(0x2ffc)
    expect(kernel.calls).toEqual(['pread 4@0x12ffc'])
  })

  test('is mapped with the rest where the kernel says so, and reached through the kernel all the same', () => {
    const { kernel, bar0 } = open({ msix, isMsixMappable: true })
    const mapped = bar0.map()
    expect(mappedCalls(kernel)).toEqual(['mmap rw 0x4000@0x10000'])
    expect(mapped.areas).toEqual([
      { start: 0, end: 0x2000 },
      { start: 0x2410, end: 0x4000 },
    ])
    kernel.calls.length = 0
    for (const offset of [0x1ffc, 0x2000, 0x240c, 0x2410]) mapped.write32(offset, 0)
    expect(kernel.calls).toEqual([
      'store 4@0x11ffc',
      'pwrite 00000000@0x12000',
      'pwrite 00000000@0x1240c',
      'store 4@0x12410',
    ])
  })

  test('leaves a region alone that it does not lie in', () => {
    const { kernel, bar0 } = open({ msix: { ...msix, bar: 3 } })
    bar0.map()
    expect(mappedCalls(kernel)).toEqual(['mmap rw 0x4000@0x10000'])
  })
})

describe('closing', () => {
  test('the device unmaps what is mapped before it closes itself', () => {
    const { kernel, device, bar0 } = open({
      sparse: [
        [0, 0x1000],
        [0x2000, 0x1000],
      ],
    })
    bar0.map()
    kernel.calls.length = 0
    device.close()
    expect(kernel.calls.slice(0, 3)).toEqual([
      'munmap 0x1000@0x10000',
      'munmap 0x1000@0x12000',
      expect.stringMatching(/^close device/),
    ])
  })

  test('a mapping unmaps it once, and can be done by `using`', () => {
    const { kernel, device, bar0 } = open()
    {
      using mapped = bar0.map()
      mapped.close()
      expect([mapped.closed, mapped.areas]).toEqual([true, []])
    }
    device.close()
    expect(kernel.calls.filter((call) => call.startsWith('munmap'))).toEqual(['munmap 0x4000@0x10000'])
  })
})

test('a device lets go of a mapping that is closed', () => {
  const release = vi.spyOn(Descriptor.prototype, 'release')
  onTestFinished(() => release.mockRestore())
  const { bar0 } = open()
  const mapped = bar0.map()
  mapped.close()
  mapped.close()
  expect(release.mock.calls).toEqual([[mapped]])
})

test('a region is found by its type and subtype', () => {
  const { device, kernel } = open()
  const struct = new Uint8Array(vfioRegionInfo.size)
  encodeInto(vfioRegionInfo, struct, { argsz: 48, flags: 0xb, cap_offset: 32, size: 0x1000n, offset: 0x2000n })
  const answer = withCapabilities(struct, 48, { 32: { id: 2, next: 0, body: u32s(1, 1) } })
  kernel.regions.set(8, (bytes) => bytes.set(answer.subarray(0, bytes.length)))
  expect(device.regions.ofType(1, 1).index).toBe(8)
  expect(() => device.regions.ofType(1, 2)).toThrow(
    expect.objectContaining({ code: 'NOT_FOUND', facts: { type: 1, subtype: 2 } }),
  )
})
