import { describe, expect, test } from 'vitest'
import type { Region } from '../../../src/vfio/region/region.ts'
import { page, pageBytes } from '../machine.ts'
import { openMdev } from '../open-mdev.ts'
import { inSampleOrder } from '../sample-order.ts'

function code(expected: string, errno: string | null = null) {
  return expect.objectContaining({ code: expected, errno })
}

describe('the regions of mtty', () => {
  test.for([
    ['mtty-1', 0],
    ['mtty-2', 8],
  ] as const)(
    '%s has 8 bytes per port and 0xff of config space, all trapped; the rest is empty',
    async ([type, bar1], context) => {
      const { device } = await openMdev(context, 'mtty', type)
      expect(Array.from(device.regions, ({ name, size }) => [name, size])).toEqual([
        ['bar0', 8],
        ['bar1', bar1],
        ['bar2', 0],
        ['bar3', 0],
        ['bar4', 0],
        ['bar5', 0],
        ['rom', 0],
        ['config', 0xff],
        ['vga', 0],
      ])
      for (const { index, offset, flags, capabilities } of device.regions) {
        expect(offset).toBe(BigInt(index) << 40n)
        expect(flags).toEqual({ read: true, write: true, mmap: false })
        expect(capabilities).toEqual([])
      }
    },
  )

  test.for([9, 16, 0xffff_ffff])('have no index %d', async (index, context) => {
    const { device } = await openMdev(context, 'mtty', 'mtty-2')
    expect(() => device.regions.get(index)).toThrow(
      expect.objectContaining({ code: 'NOT_FOUND', facts: { region: index, regions: ['bar0', 'bar1', 'config'] } }),
    )
  })

  test('regions of size 0 cannot be touched, though they say they can be read', async (context) => {
    const { device } = await openMdev(context, 'mtty', 'mtty-2')
    for (const name of ['bar2', 'rom', 'vga']) {
      expect(() => device.regions.get(name).read8(0)).toThrow(code('OUT_OF_RANGE'))
      expect(() => device.regions.get(name).write8(0, 0)).toThrow(code('OUT_OF_RANGE'))
    }
  })
})

describe('the configuration space of mtty', () => {
  test('says what it is', async (context) => {
    const { config } = (await openMdev(context, 'mtty', 'mtty-2')).device.regions
    expect(config.read32(0x00)).toBe(0x32534348)
    expect(config.read16(0x04)).toBe(0x0001)
    expect(config.read16(0x06)).toBe(0x0200)
    expect(config.read32(0x08)).toBe(0x07000210)
    expect(config.read32(0x10)).toBe(0x00000001)
    expect(config.read32(0x14)).toBe(0x00000001)
    expect(config.read32(0x2c)).toBe(0x32534348)
    expect(config.read8(0x34)).toBe(0)
    expect(config.read8(0x3d)).toBe(1)
    const name = new Uint8Array(15)
    config.readInto(0x60, name)
    expect(Buffer.from(name).toString('latin1')).toBe('PCI Serial/UART')
  })

  test('keeps the interrupt line, and neither the pin nor the command', async (context) => {
    const { config } = (await openMdev(context, 'mtty', 'mtty-1')).device.regions
    config.write8(0x3c, 0x0b)
    config.write8(0x3d, 0x04)
    config.write16(0x04, 0x0000)
    expect([config.read8(0x3c), config.read8(0x3d), config.read16(0x04)]).toEqual([0x0b, 1, 1])
  })

  test('answers sizing with 8 bytes of I/O per port', async (context) => {
    const { config } = (await openMdev(context, 'mtty', 'mtty-2')).device.regions
    for (const bar of [0x10, 0x14]) {
      config.write32(bar, 0xffff_ffff)
      expect(config.read32(bar)).toBe(0xffff_fff9)
      config.write32(bar, 0xc150)
      expect(config.read32(bar)).toBe(0xc151)
    }
  })

  test('has no second BAR where there is one port', async (context) => {
    const { config } = (await openMdev(context, 'mtty', 'mtty-1')).device.regions
    config.write32(0x14, 0xffff_ffff)
    expect(config.read32(0x14)).toBe(0)
  })

  test('ends at 0xff: its last byte is there, nothing after it', async (context) => {
    const { config } = (await openMdev(context, 'mtty', 'mtty-2')).device.regions
    expect(config.read8(0xfe)).toBe(0)
    expect(() => config.read8(0xff)).toThrow(code('OUT_OF_RANGE'))
    expect(() => config.read16(0xfe)).toThrow(code('OUT_OF_RANGE'))
    expect(() => config.write32(0xfc, 0)).toThrow(code('OUT_OF_RANGE'))
    expect(() => config.readInto(0, new Uint8Array(0x100))).toThrow(code('OUT_OF_RANGE'))
  })
})

/** Registers of a 16550 by offset. */
const uart = { data: 0, ier: 1, fcr: 2, iir: 2, lcr: 3, mcr: 4, lsr: 5, msr: 6, scr: 7 }

function send(port: Region, text: string): void {
  for (const byte of Buffer.from(text)) port.write8(uart.data, byte)
}

function receive(port: Region): string {
  const bytes: number[] = []
  while ((port.read8(uart.lsr) & 1) !== 0 && bytes.length < 100) bytes.push(port.read8(uart.data))
  return Buffer.from(bytes).toString()
}

describe('the UART of mtty', () => {
  test('has its reset values', async (context) => {
    const { bar0, bar1 } = (await openMdev(context, 'mtty', 'mtty-2')).device.regions
    for (const port of [bar0, bar1]) {
      expect([1, 2, 3, 4, 5, 6, 7].map((offset) => port.read8(offset))).toEqual([0, 0xc1, 0, 0, 0x60, 0xb3, 0])
    }
  })

  test('loops 15 bytes back as they were', async (context) => {
    const { bar0 } = (await openMdev(context, 'mtty', 'mtty-1')).device.regions
    bar0.write8(uart.fcr, 0x07)
    send(bar0, 'fifteen bytes!!')
    expect(bar0.read8(uart.lsr)).toBe(0x01)
    expect(receive(bar0)).toBe('fifteen bytes!!')
    expect(bar0.read8(uart.lsr)).toBe(0x60)
  })

  test('looks empty when the 16th byte fills it, and overruns at the 17th', async (context) => {
    const { bar0 } = (await openMdev(context, 'mtty', 'mtty-1')).device.regions
    bar0.write8(uart.fcr, 0x07)
    send(bar0, 'x'.repeat(16))
    expect(bar0.read8(uart.lsr)).toBe(0x60)
    send(bar0, 'y')
    expect(bar0.read8(uart.lsr)).toBe(0x62)
    bar0.write8(uart.fcr, 0x07)
    expect(bar0.read8(uart.lsr)).toBe(0x62)
    send(bar0, 'z')
    expect(bar0.read8(uart.lsr)).toBe(0x01)
    expect(receive(bar0)).toBe('z')
  })

  test('shows the divisor behind DLAB, and zeroes it whenever DLAB is set', async (context) => {
    const { bar0 } = (await openMdev(context, 'mtty', 'mtty-1')).device.regions
    bar0.write8(uart.lcr, 0x80)
    bar0.write8(0, 0x0c)
    bar0.write8(1, 0x01)
    expect([bar0.read8(0), bar0.read8(1)]).toEqual([0x0c, 0x01])
    bar0.write8(0, 0x03)
    expect(bar0.read8(0)).toBe(0x0f)
    bar0.write8(uart.lcr, 0x80)
    expect([bar0.read8(0), bar0.read8(1)]).toEqual([0, 0])
    bar0.write8(uart.lcr, 0x03)
    // not THRI: Linux 6.1's mtty oopses on an interrupt that no eventfd is tied to
    bar0.write8(uart.ier, 0xfd)
    expect(bar0.read8(uart.ier)).toBe(0x0d)
  })

  test('keeps each port’s registers apart', async (context) => {
    const { bar0, bar1 } = (await openMdev(context, 'mtty', 'mtty-2')).device.regions
    bar0.write8(uart.scr, 0x5a)
    bar1.write8(uart.scr, 0xa5)
    expect([bar0.read8(uart.scr), bar1.read8(uart.scr)]).toEqual([0x5a, 0xa5])
  })

  test('has 8 registers and no more', async (context) => {
    const { bar0 } = (await openMdev(context, 'mtty', 'mtty-2')).device.regions
    expect(() => bar0.read8(8)).toThrow(code('OUT_OF_RANGE'))
    expect(() => bar0.write8(8, 0)).toThrow(code('OUT_OF_RANGE'))
  })
})

describe('the regions of mdpy', () => {
  test('show the framebuffer as bar0 and, beyond num_regions, as region 16', async (context) => {
    const { device } = await openMdev(context, 'mdpy', 'mdpy-vga')
    const framebuffer = { size: 0x20_0000, offset: pageBytes, flags: { read: true, write: true, mmap: true } }
    expect(device.info.numRegions).toBe(9)
    expect(device.regions.bar0).toMatchObject({ index: 0, ...framebuffer })
    expect(device.regions.get(16)).toMatchObject({ index: 16, name: 'region16', ...framebuffer })
    expect(() => device.regions.get(9)).toThrow(code('NOT_FOUND'))
    expect(device.regions.config).toMatchObject({ size: 0xff, offset: 0n })
    expect([0x00, 0x44, 0x48, 0x4c].map((offset) => device.regions.config.read32(offset))).toEqual([
      0x000f_1b36, 0x3432_5258, 640, 480,
    ])
  })
})

describe('the regions of mbochs', () => {
  test('carry the type of the EDID region as a capability', async (context) => {
    const { device } = await openMdev(context, 'mbochs', 'mbochs-small')
    expect(device.info.numRegions).toBe(10)
    expect(device.regions.get(9)).toMatchObject({
      name: 'region9',
      size: page,
      offset: 2n * pageBytes,
      flags: { read: true, write: true, mmap: false },
      capabilities: [{ name: 'type', type: 1, subtype: 1 }],
    })
    expect(device.regions.bar0).toMatchObject({ size: 4 * 1024 * 1024, flags: { mmap: true } })
    expect(inSampleOrder(device.regions.bar2.read16(0x500))).toBe(0xb0c5)
  })
})
