import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { vfioDeviceGfxPlaneInfo } from '../../../src/uapi/features.ts'
import { regionCapability, vfioRegionInfo, vfioRegionInfoCapType } from '../../../src/uapi/region.ts'
import { request } from '../../../src/uapi/requests.ts'
import { decode, encode, encodeInto, vfioInfoCapHeader } from '../../../src/uapi/struct.ts'
import type { Descriptor } from '../../../src/vfio/calls/descriptor.ts'
import type { Region } from '../../../src/vfio/region/region.ts'
import { openRawMdev } from '../irq/irq-raw.ts'
import { isLinuxBefore } from '../kernel.ts'
import { answerOf } from '../kernel-answer.ts'
import { page } from '../machine.ts'
import { openMdev } from '../open-mdev.ts'
import { inSampleOrder } from '../sample-order.ts'

function code(expected: string, errno: string | null = null) {
  return expect.objectContaining({ code: expected, errno })
}

function askPlane(descriptor: Descriptor, flags: number, argsz: number = vfioDeviceGfxPlaneInfo.size): number | string {
  const bytes = encode(vfioDeviceGfxPlaneInfo, { argsz, flags, drm_plane_type: 1 })
  return answerOf(() => descriptor.ioctl(request.VFIO_DEVICE_QUERY_GFX_PLANE, bytes))
}

/** Registers of Bochs VBE in BAR2, 2 bytes each. */
const vbe = { width: 0x502, height: 0x504, bits: 0x506, enable: 0x508, virtualWidth: 0x50c, y: 0x512 } as const

function setMode(registers: Region, { width, height, bits = 32 }: { width: number; height: number; bits?: number }) {
  writeVbe(registers, vbe.width, width)
  writeVbe(registers, vbe.height, height)
  writeVbe(registers, vbe.bits, bits)
  writeVbe(registers, vbe.enable, 1)
}

function writeVbe(registers: Region, offset: number, value: number) {
  registers.write16(offset, inSampleOrder(value))
}

describe('the picture of mdpy', () => {
  test.for([
    ['mdpy-vga', 640, 480],
    ['mdpy-xga', 1024, 768],
  ] as const)(
    '%s is a gradient from black to white, through a mapping of its plane',
    async ([type, width, height], context) => {
      const { device } = await openMdev(context, 'mdpy', type)
      const plane = device.display.regionPlane()
      expect(plane).toMatchObject({ format: 'XR24', modifier: 0n, width, height, stride: 4 * width })
      if (plane === null) throw new Error('nothing is shown')
      using mapped = plane.region.map()
      const expected = createHash('sha256')
      const found = createHash('sha256')
      const line = new Uint8Array(plane.stride)
      for (let y = 0; y < height; y++) {
        expected.update(new Uint8Array(plane.stride).fill(Math.floor((y * 255) / height)))
        mapped.readInto(y * plane.stride, line)
        found.update(line)
      }
      expect(found.digest('hex')).toBe(expected.digest('hex'))
    },
  )

  test('is in region 16, which can be reached though num_regions is 9', async (context) => {
    const { device } = await openMdev(context, 'mdpy', 'mdpy-vga')
    expect(device.info.numRegions).toBe(9)
    const plane = device.display.regionPlane()
    expect(plane).toMatchObject({ size: 0x20_0000, region: { index: 16, size: 0x20_0000 } })
  })
})

describe('what a display answers when asked how it shows its picture', () => {
  const flags = [0, 1, 2, 3, 4, 5, 6, 7]

  test('is: in a region, for mdpy', async (context) => {
    const { device, descriptor } = await openRawMdev(context, 'mdpy', 'mdpy-vga')
    expect(flags.map((one) => askPlane(descriptor, one))).toEqual([
      'EINVAL',
      'EINVAL',
      'EINVAL',
      'EINVAL',
      0,
      0,
      'EINVAL',
      'EINVAL',
    ])
    expect([askPlane(descriptor, 5, 60), askPlane(descriptor, 5, 59)]).toEqual([0, 'EINVAL'])
    expect(answerOf(() => descriptor.ioctl(request.VFIO_DEVICE_GET_GFX_DMABUF, new Uint8Array(4)))).toBe('ENOTTY')
    expect(device.display.kinds()).toEqual(['region'])
    expect(() => device.display.dmabufPlane()).toThrow(code('NOT_SUPPORTED', 'EINVAL'))
    expect(() => device.display.openDmabuf({ dmabufId: 1 })).toThrow(code('NOT_SUPPORTED', 'ENOTTY'))
    expect(() => device.display.edid).toThrow(code('NOT_SUPPORTED'))
  })

  test('is: in a dma-buf, for mbochs', async (context) => {
    const { device, descriptor } = await openRawMdev(context, 'mbochs', 'mbochs-small')
    expect(flags.map((one) => askPlane(descriptor, one))).toEqual([
      'EINVAL',
      'EINVAL',
      0,
      0,
      'EINVAL',
      'EINVAL',
      'EINVAL',
      'EINVAL',
    ])
    expect([askPlane(descriptor, 3, 60), askPlane(descriptor, 3, 59)]).toEqual([0, 'EINVAL'])
    expect(device.display.kinds()).toEqual(['dmabuf'])
    expect(() => device.display.regionPlane()).toThrow(code('NOT_SUPPORTED', 'EINVAL'))
  })

  test('is: not at all, for mtty', async (context) => {
    const { device, descriptor } = await openRawMdev(context, 'mtty', 'mtty-1')
    expect(flags.map((one) => askPlane(descriptor, one))).toEqual(flags.map(() => 'ENOTTY'))
    expect(device.display.kinds()).toEqual([])
    expect(() => device.display.regionPlane()).toThrow(code('NOT_SUPPORTED', 'ENOTTY'))
  })
})

/** An EDID of one block: a header, a size, and what makes the sum right. */
function edidOf(megapixel: number): Uint8Array {
  const bytes = new Uint8Array(128)
  bytes.set([0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00])
  bytes[21] = megapixel
  bytes[127] = (256 - (bytes.reduce((sum, byte) => sum + byte, 0) % 256)) % 256
  return bytes
}

describe('the monitor of mbochs', () => {
  function seenByGuest(registers: Region): Uint8Array {
    const bytes = new Uint8Array(256)
    registers.readInto(0, bytes)
    return bytes
  }

  test('is seen in BAR2 while it is plugged in, as far as its EDID goes', async (context) => {
    const { device } = await openMdev(context, 'mbochs', 'mbochs-small')
    const { edid } = device.display
    const { bar2 } = device.regions
    expect([edid.maxWidth, edid.maxHeight, edid.maxSize, edid.plugged]).toEqual([800, 600, 0x400, false])
    expect(edid.read()).toEqual(new Uint8Array())
    edid.plug(edidOf(1))
    expect(edid.plugged).toBe(true)
    expect(edid.read()).toEqual(edidOf(1))
    expect(seenByGuest(bar2)).toEqual(Uint8Array.from([...edidOf(1), ...new Uint8Array(128)]))
    edid.unplug()
    expect([edid.plugged, seenByGuest(bar2).some((byte) => byte !== 0)]).toEqual([false, false])
    edid.plug(Uint8Array.from([...edidOf(2), ...edidOf(3)]))
    expect(seenByGuest(bar2)).toEqual(Uint8Array.from([...edidOf(2), ...edidOf(3)]))
  })

  test.for([
    ['empty', new Uint8Array()],
    ['of half a block', edidOf(1).subarray(0, 64)],
    ['with a wrong checksum', edidOf(1).fill(7, 30, 31)],
    ['larger than its place', new Uint8Array(0x480)],
  ] as const)('is not plugged in with an EDID that is %s', async ([, bytes], context) => {
    const { device } = await openMdev(context, 'mbochs', 'mbochs-medium')
    const { edid } = device.display
    edid.plug(edidOf(9))
    expect(() => edid.plug(bytes)).toThrow(code('INVALID_ARGUMENT'))
    expect([edid.plugged, edid.read()]).toEqual([true, edidOf(9)])
  })
})

describe('the picture of mbochs', () => {
  test('is not there while the display is off, or in a mode that it does not do', async (context) => {
    const { device } = await openMdev(context, 'mbochs', 'mbochs-small')
    const { display, regions } = device
    expect(display.dmabufPlane()).toBe(null)
    setMode(regions.bar2, { width: 640, height: 480, bits: 16 })
    expect(display.dmabufPlane()).toBe(null)
    setMode(regions.bar2, { width: 63, height: 480 })
    expect(display.dmabufPlane()).toBe(null)
    setMode(regions.bar2, { width: 1024, height: 1025 })
    expect(display.dmabufPlane()).toBe(null)
    setMode(regions.bar2, { width: 1024, height: 1024 })
    expect(display.dmabufPlane()).toMatchObject({ width: 1024, size: 4 * 1024 * 1024 })
    expect(display.dmabufPlane('cursor')).toBe(null)
  })

  test('fails with ENOMEM when a mode is first asked for, and the library asks once more', async (context) => {
    const { device, descriptor } = await openRawMdev(context, 'mbochs', 'mbochs-small')
    const { display, regions } = device
    setMode(regions.bar2, { width: 640, height: 480 })
    expect([askPlane(descriptor, 2), askPlane(descriptor, 2)]).toEqual(['ENOMEM', 0])
    expect(display.dmabufPlane()).toMatchObject({ format: 'XR24', width: 640, height: 480, stride: 2560, dmabufId: 1 })
    setMode(regions.bar2, { width: 800, height: 600 })
    const other = display.dmabufPlane()
    expect(other).toMatchObject({ width: 800, height: 600, stride: 3200, size: 800 * 600 * 4, dmabufId: 2 })
    setMode(regions.bar2, { width: 640, height: 480 })
    writeVbe(regions.bar2, vbe.virtualWidth, 1024)
    expect(display.dmabufPlane()).toMatchObject({ width: 640, stride: 4096, dmabufId: 3 })
    writeVbe(regions.bar2, vbe.virtualWidth, 0)
    expect(display.dmabufPlane()).toMatchObject({ stride: 2560, dmabufId: 1 })
  })

  test('is a dma-buf of that size, close-on-exec, and gone with its mode’s number', async (context) => {
    const { device, kernel } = await openMdev(context, 'mbochs', 'mbochs-small')
    const { display, regions } = device
    expect(() => display.openDmabuf({ dmabufId: 1 })).toThrow(code('NOT_FOUND', 'ENOENT'))
    setMode(regions.bar2, { width: 640, height: 480 })
    const plane = display.dmabufPlane()
    if (plane === null) throw new Error('nothing is shown')
    const dmabuf = display.openDmabuf(plane)
    const shown = new Map(
      kernel.files
        .read(`/proc/self/fdinfo/${dmabuf.fd}`)
        .split('\n')
        .map((line) => [line.split(':')[0], line.split('\t')[1]]),
    )
    expect([shown.get('size'), plane.size]).toEqual([String(0x12_c000), 0x12_c000])
    expect(Number.parseInt(shown.get('flags') ?? '', 8) & 0o2_000_000).toBe(0o2_000_000)
    for (const [access, errno] of [
      ['r', 'EINVAL'],
      ['rw', 'EACCES'],
    ] as const) {
      expect(() => kernel.mmap(dmabuf.fd, { offset: 0, length: plane.size, access })).toThrow(
        expect.objectContaining({ code: errno }),
      )
    }
    const { fd } = dmabuf
    dmabuf.close()
    dmabuf.close()
    expect(() => dmabuf.fd).toThrow(code('CLOSED'))
    expect(kernel.files.kind(`/proc/self/fd/${fd}`)).toBe(null)
    // another one: mbochs gives back the pages of a dma-buf at each release, also those that it never took again
    setMode(regions.bar2, { width: 800, height: 600 })
    const other = display.dmabufPlane()
    if (other === null) throw new Error('nothing is shown')
    const { fd: otherFd } = display.openDmabuf(other)
    device.close()
    expect(kernel.files.kind(`/proc/self/fd/${otherFd}`)).toBe(null)
  })

  test('is forgotten by a reset, which turns the display off', async (context) => {
    const { device, descriptor } = await openRawMdev(context, 'mbochs', 'mbochs-small')
    setMode(device.regions.bar2, { width: 640, height: 480 })
    expect(device.display.dmabufPlane()).not.toBe(null)
    descriptor.ioctl(request.VFIO_DEVICE_RESET)
    expect(device.display.dmabufPlane()).toBe(null)
    const { bar2 } = device.regions
    expect([0x500, 0x514].map((offset) => inSampleOrder(bar2.read16(offset)))).toEqual([0xb0c5, 64])
  })
})

describe('how mbochs answers for its EDID region', () => {
  const edidRegion = 9

  test('depends on how many bytes it is asked for: 32, 48 or 64', async (context) => {
    const opened = await openRawMdev(context, 'mbochs', 'mbochs-small')
    const ask = (argsz: number) => {
      const bytes = new Uint8Array(64)
      bytes.set(encode(vfioRegionInfo, { argsz, index: edidRegion }))
      const answer = answerOf(() => opened.descriptor.ioctl(request.VFIO_DEVICE_GET_REGION_INFO, bytes))
      const { argsz: needed, cap_offset, flags } = decode(vfioRegionInfo, bytes)
      return typeof answer === 'string' ? answer : { needed, cap_offset, flags, link: bytes.slice(32, 48).toString() }
    }
    const nothing = new Uint8Array(16).toString()
    const typeBytes = encode(vfioRegionInfoCapType, { type: 1, subtype: 1 })
    encodeInto(vfioInfoCapHeader, typeBytes, { id: regionCapability.VFIO_REGION_INFO_CAP_TYPE, version: 1 })
    const type = typeBytes.toString()
    const whole = { needed: 48, cap_offset: 32, flags: 0xb, link: type }
    const isOld = isLinuxBefore(opened, 7, 0)
    expect([ask(31), ask(32), ask(48), ask(64)]).toEqual([
      'EINVAL',
      { needed: 48, cap_offset: isOld ? 32 : 0, flags: 0xb, link: nothing },
      whole,
      isOld ? 'EINVAL' : { ...whole, needed: 64 },
    ])
  })

  test('does not keep the library from finding it', async (context) => {
    const { device } = await openMdev(context, 'mbochs', 'mbochs-small')
    expect(device.regions.ofType(1, 1)).toMatchObject({ index: edidRegion, size: page })
  })
})
