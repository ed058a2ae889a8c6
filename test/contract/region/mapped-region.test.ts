import { describe, expect, onTestFinished, test } from 'vitest'
import type { Device } from '../../../src/vfio/device.ts'
import type { MappedRegion } from '../../../src/vfio/region/mapped-region.ts'
import { openRawPci } from '../irq/irq-raw.ts'
import { page } from '../machine.ts'
import { openMdev } from '../open-mdev.ts'
import { hasOwnPages, openPci, type PciName } from '../pci.ts'

function code(expected: string, errno: string | null = null) {
  return expect.objectContaining({ code: expected, errno })
}

const everyPci: readonly PciName[] = [
  'edu',
  'edu-root-port',
  'e1000e',
  'nvme',
  'pci-testdev',
  'ivshmem',
  'bochs-display',
  'xhci',
]

describe('the regions of', () => {
  test.for(everyPci)('%s map where they say MMAP, others refuse, and config never is one', async (name, context) => {
    const { device } = await openPci(context, name)
    const present = [...device.regions].filter(({ size }) => size > 0)
    const bars = present.filter(({ index }) => index < 6)
    expect(bars.filter(({ flags }) => flags.mmap)).toEqual(bars.filter((bar) => hasOwnPages(device, bar)))
    for (const region of present) {
      if (region.flags.mmap) {
        using mapped = region.map()
        expect(mapped.areas.at(-1)?.end, region.name).toBeLessThanOrEqual(region.size)
      } else {
        expect(() => region.map(), region.name).toThrow(code('NOT_SUPPORTED'))
      }
    }
    expect(device.regions.config.flags.mmap).toBe(false)
  })

  test('mtty map nowhere', async (context) => {
    const { device } = await openMdev(context, 'mtty', 'mtty-2')
    for (const region of device.regions) expect(() => region.map()).toThrow(code('NOT_SUPPORTED'))
  })
})

describe('the memory of edu', () => {
  const identification = 0x0100_00ed

  test('is gone while memory decode is off, to a mapped and to a trapped access, and then there again', async (context) => {
    const { device } = await openPci(context, 'edu')
    const { bar0 } = device.regions
    const mapped = bar0.map()
    for (let time = 0; time < 2; time++) {
      expect([mapped.read32(0), bar0.read32(0)]).toEqual([identification, identification])
      device.pci.memoryDecode = false
      expect(() => mapped.read32(0)).toThrow(code('DEVICE_MEMORY_GONE', 'EFAULT'))
      expect(() => mapped.write32(4, 0)).toThrow(code('DEVICE_MEMORY_GONE', 'EFAULT'))
      expect(() => mapped.readInto(0x80, new Uint8Array(8))).toThrow(code('DEVICE_MEMORY_GONE', 'EFAULT'))
      expect(() => bar0.read32(0)).toThrow(code('DEVICE_MEMORY_GONE', 'EIO'))
      expect(() => bar0.write32(4, 0)).toThrow(code('DEVICE_MEMORY_GONE', 'EIO'))
      device.pci.memoryDecode = true
    }
    expect([mapped.read32(0), bar0.read32(0)]).toEqual([identification, identification])
  })

  test('memory that is mapped while memory decode is off answers once it is on', async (context) => {
    const { device } = await openPci(context, 'edu')
    device.pci.memoryDecode = false
    const mapped = device.regions.bar0.map()
    expect(() => mapped.read32(0)).toThrow(code('DEVICE_MEMORY_GONE', 'EFAULT'))
    device.pci.memoryDecode = true
    expect(mapped.read32(0)).toBe(identification)
  })

  test('memory that the kernel mapped for loads alone or for stores alone takes nothing else', async (context) => {
    const { kernel, descriptor } = await openRawPci(context, 'edu')
    const map = (access: 'r' | 'w') => {
      const mapping = kernel.mmap(descriptor.fd, { offset: 0, length: page, access })
      onTestFinished(() => mapping.close())
      return mapping
    }
    const [loads, stores] = [map('r'), map('w')]
    expect(loads.read32(0)).toBe(identification)
    expect(() => loads.write32(4, 1)).toThrow(TypeError)
    stores.write32(4, 1)
    expect(() => stores.read32(0)).toThrow(TypeError)
    expect(loads.read32(4)).toBe(0xffff_fffe)
  })

  test('answers through the same mapping after a reset', async (context) => {
    const { device } = await openPci(context, 'edu-root-port')
    const mapped = device.regions.bar0.map()
    expect(mapped.read32(0)).toBe(identification)
    await device.reset()
    device.pci.memoryDecode = true
    expect(mapped.read32(0)).toBe(identification)
  })
})

describe('a mapped region', () => {
  test('is the same memory as the trapped one: edu', async (context) => {
    const { bar0 } = (await openPci(context, 'edu')).device.regions
    const mapped = bar0.map()
    mapped.write32(0x04, 0x1234_5678)
    expect([mapped.read32(0x04), bar0.read32(0x04)]).toEqual([0xedcb_a987, 0xedcb_a987])
    bar0.write32(0x04, 0xffff_0000)
    expect(mapped.read32(0x04)).toBe(0x0000_ffff)
  })

  test('ends where the region does: edu', async (context) => {
    const { bar0 } = (await openPci(context, 'edu')).device.regions
    const mapped = bar0.map()
    expect(mapped.areas).toEqual([{ start: 0, end: 0x10_0000 }])
    mapped.read32(0xf_fffc)
    expect(() => mapped.read32(0x10_0000)).toThrow(code('OUT_OF_RANGE'))
  })

  test('a mapping of a device that is closed is CLOSED, as one that was closed itself', async (context) => {
    const { device } = await openPci(context, 'edu')
    const { bar0 } = device.regions
    const [mine, devices] = [bar0.map(), bar0.map()]
    mine.close()
    expect(() => mine.read32(0)).toThrow(code('CLOSED'))
    expect(devices.read32(0)).toBe(0x0100_00ed)
    device.close()
    expect(() => devices.read32(0)).toThrow(code('CLOSED'))
    expect(() => bar0.map()).toThrow(code('CLOSED'))
  })
})

describe('a BAR that is smaller than a page', () => {
  test('is mapped with its page, and bounded where it ends: ivshmem', async (context) => {
    const { device } = await openPci(context, 'ivshmem')
    const { bar0 } = device.regions
    expect(bar0).toMatchObject({ size: 0x100, flags: { mmap: hasOwnPages(device, bar0) } })
    if (!bar0.flags.mmap) {
      expect(() => bar0.map()).toThrow(
        expect.objectContaining({
          code: 'NOT_SUPPORTED',
          message: expect.stringContaining(`a page of ${page / 1024} KiB`),
        }),
      )
      expect(bar0.read32(0xfc)).toBe(0)
      return
    }
    const mapped = bar0.map()
    expect(mapped.areas).toEqual([{ start: 0, end: 0x100 }])
    mapped.read32(0xfc)
    expect(() => mapped.read32(0x100)).toThrow(code('OUT_OF_RANGE'))
    expect(() => mapped.read8(0xfff)).toThrow(code('OUT_OF_RANGE'))
  })
})

describe('bytes of a mapped region', () => {
  test('are those of the trapped one, aligned or not: the shared memory of ivshmem', async (context) => {
    const { bar2 } = (await openPci(context, 'ivshmem')).device.regions
    const mapped = bar2.map()
    const pattern = Uint8Array.from({ length: 515 }, (_, at) => (at * 7) & 0xff)
    const back = new Uint8Array(pattern.length)
    for (const offset of [0, 1, 2, 3, bar2.size - pattern.length]) {
      mapped.writeFrom(offset, pattern)
      bar2.readInto(offset, back)
      expect(back).toEqual(pattern)
      back.fill(0)
      mapped.readInto(offset, back)
      expect(back).toEqual(pattern)
      back.fill(0)
    }
    bar2.writeFrom(5, Uint8Array.of(1, 2, 3))
    expect([mapped.read8(5), mapped.read16(6)]).toEqual([1, 0x0302])
    expect(() => mapped.readInto(bar2.size - 1, new Uint8Array(2))).toThrow(code('OUT_OF_RANGE'))
  })
})

interface Table {
  readonly start: number
  readonly end: number
}

function msixTable(device: Device): Table & { readonly region: string } {
  const capability = device.pci.configSpace().capabilities.find(({ name }) => name === 'msi-x')
  if (capability?.name !== 'msi-x') throw new Error(`${device.name} has no MSI-X`)
  const { tableBar, tableOffset, vectors } = capability.fields
  return { region: `bar${tableBar}`, start: tableOffset, end: tableOffset + 16 * vectors }
}

function isMapped(region: MappedRegion, { start, end }: Table): boolean {
  return region.areas.some((area) => area.start < end && area.end > start)
}

describe('the MSI-X table', () => {
  test.for(['nvme', 'xhci', 'e1000e'] as const)(
    'the table of %s is out of reach of its mapped BAR',
    async (name, context) => {
      const { device } = await openPci(context, name)
      const table = msixTable(device)
      const trapped = device.regions.get(table.region)
      if (!hasOwnPages(device, trapped)) context.skip('its BAR shares a page of this kernel')
      const mapped = trapped.map()
      expect(isMapped(mapped, table)).toBe(false)
      expect(isMapped(mapped, { start: table.end, end: table.end + 4 })).toBe(true)
      // the kernel shows nobody the table, and drops what is written there
      mapped.write32(table.start + 12, 0)
      expect([mapped.read32(table.start), mapped.read32(table.end - 4)]).toEqual([0xffff_ffff, 0xffff_ffff])
      expect(trapped.read32(table.start)).toBe(0xffff_ffff)
    },
  )

  test('is passed over by bytes of a mapped BAR, which go on behind it: xhci', async (context) => {
    const { device } = await openPci(context, 'xhci')
    const { region, start, end } = msixTable(device)
    const trapped = device.regions.get(region)
    if (!hasOwnPages(device, trapped)) context.skip('its BAR shares a page of this kernel')
    const mapped = trapped.map()
    const bytes = new Uint8Array(end - start + 8)
    mapped.readInto(start - 4, bytes)
    expect(bytes.subarray(4, -4).every((byte) => byte === 0xff)).toBe(true)
    expect(new DataView(bytes.buffer).getUint32(bytes.length - 4, true)).toBe(mapped.read32(end))
  })
})

describe('the display of mdpy', () => {
  const rowBytes = 640 * 4

  function row(region: MappedRegion, number: number): Uint8Array {
    const bytes = new Uint8Array(rowBytes)
    region.readInto(number * rowBytes, bytes)
    return bytes
  }

  test('shows a gradient through region 16, though that is beyond num_regions', async (context) => {
    const { device } = await openMdev(context, 'mdpy', 'mdpy-vga')
    expect(device.info.numRegions).toBe(9)
    const display = device.regions.get(16).map()
    for (const [number, shade] of [
      [0, 0x00],
      [100, 0x35],
      [479, 0xfe],
    ] as const) {
      expect(
        row(display, number).every((byte) => byte === shade),
        `row ${number}`,
      ).toBe(true)
    }
    expect(row(display, 480).every((byte) => byte === 0)).toBe(true)
  })

  test('is bar0 too: the same memory, mapped twice', async (context) => {
    const { device } = await openMdev(context, 'mdpy', 'mdpy-vga')
    const [bar0, display] = [device.regions.bar0.map(), device.regions.get(16).map()]
    bar0.write64(8, 0x1122_3344_5566_7788n)
    expect([display.read8(8), display.read16(10), display.read32(12)]).toEqual([0x88, 0x5566, 0x1122_3344])
  })
})

test('the video memory of mbochs is blank at first, and keeps what a mapping wrote for the next', async (context) => {
  const { device } = await openMdev(context, 'mbochs', 'mbochs-small')
  const { bar0 } = device.regions
  {
    using first = bar0.map()
    expect(first.read32(0x12_3000)).toBe(0)
    first.write32(0x12_3000, 0xcafe_f00d)
  }
  using second = bar0.map()
  expect(second.read32(0x12_3000)).toBe(0xcafe_f00d)
})

test('the framebuffer of bochs-display takes lines of pixels', async (context) => {
  const { bar0 } = (await openPci(context, 'bochs-display')).device.regions
  const mapped = bar0.map()
  const line = Uint8Array.from({ length: 1024 * 4 }, (_, at) => at & 0xff)
  mapped.writeFrom(0x10_0000, line)
  const back = new Uint8Array(line.length)
  mapped.readInto(0x10_0000, back)
  expect(back).toEqual(line)
  expect(bar0.read32(0x10_0004)).toBe(0x0706_0504)
})
