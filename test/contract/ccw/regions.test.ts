import { expect, test } from 'vitest'
import { openSubchannel } from './open-subchannel.ts'

test('a channel device has its regions by their types, three interrupts and a reset', async (context) => {
  const { device } = await openSubchannel(context)
  expect(device.info).toMatchObject({ flags: { ccw: true, reset: true, pci: false }, numRegions: 4, numIrqs: 3 })
  expect(
    Array.from(device.regions, ({ size, offset, flags: { read, write, mmap } }) => [size, offset, read, write, mmap]),
  ).toEqual([
    [124, 0n, true, true, false],
    [8, 0x400n, true, true, false],
    [52, 0x800n, true, false, false],
    [8, 0xc00n, true, false, false],
  ])
  expect([1, 2, 3].map((subtype) => device.regions.ofType(2, subtype).index)).toEqual([1, 2, 3])
  expect(Array.from(device.irqs, ({ name, count }) => [name, count])).toEqual([
    ['io', 1],
    ['crw', 1],
    ['req', 1],
  ])
})

test('its interrupts can be tried in software', async (context) => {
  const { io } = await openSubchannel(context)
  io.trigger(0)
  expect(await io.next({ timeoutMs: 10_000 })).toEqual({ vector: 0, count: 1 })
})

test('vfio_ccw starts no function but start by its region, and takes no program in transport mode', async (context) => {
  const { device } = await openSubchannel(context)
  const write = (bytes: Uint8Array, region: number) => () => device.regions.get(region).writeFrom(0, bytes)
  const request = (scsw: number, orb = 0) => {
    const bytes = new Uint8Array(24)
    const view = new DataView(bytes.buffer)
    view.setUint32(4, orb)
    view.setUint32(12, scsw)
    return bytes
  }
  const notSupported = expect.objectContaining({ errno: 'EOPNOTSUPP' })
  expect(write(request(0x2000), 0)).toThrow(notSupported) // halt
  expect(write(request(0x1000), 0)).toThrow(notSupported) // clear
  expect(write(request(0x4000, 1 << 18), 0)).toThrow(notSupported)
  expect(write(new Uint8Array(8), 1)).toThrow(expect.objectContaining({ errno: 'EINVAL' }))
})
