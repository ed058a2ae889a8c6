import { describe, expect, test } from 'vitest'
import { decodeDeviceInfo, deviceFlag, vfioDeviceInfo } from '../../../src/uapi/device.ts'
import { encode } from '../../../src/uapi/struct.ts'
import { u32s, withCapabilities } from './bytes.ts'

describe('a device info', () => {
  test('gives the kind of device by name', () => {
    const { flags, ...counts } = decodeDeviceInfo(encode(vfioDeviceInfo, { flags: 0x13, num_regions: 9, num_irqs: 5 }))
    expect(Object.entries(flags).filter(([, set]) => set)).toEqual([
      ['reset', true],
      ['pci', true],
      ['ccw', true],
    ])
    expect(counts).toEqual({ numRegions: 9, numIrqs: 5, capabilities: [] })
  })

  test('carries the atomic widths of the root port, and what s390 says as bytes', () => {
    const struct = encode(vfioDeviceInfo, { flags: deviceFlag.VFIO_DEVICE_FLAGS_CAPS, cap_offset: 24 })
    const bytes = withCapabilities(struct, 64, {
      24: { id: 5, next: 40, body: u32s(0b101, 0) },
      40: { id: 3, next: 56, body: u32s(4, 7) },
      56: { id: 40, next: 0 },
    })
    expect(decodeDeviceInfo(bytes).capabilities).toEqual([
      { name: 'pci-atomic-comp', widths: [32, 128] },
      { name: 'zpci-util', version: 1, data: Uint8Array.of(4, 0, 0, 0, 7, 0, 0, 0) },
      { name: 'unknown', id: 40, version: 1, data: new Uint8Array() },
    ])
  })

  test.each([{ num_regions: 0xffff_ffff }, { num_irqs: 4097 }])(
    'that would take for ever to walk is MALFORMED_REPLY: %o',
    (counts) => {
      expect(() => decodeDeviceInfo(encode(vfioDeviceInfo, counts))).toThrow(
        expect.objectContaining({ code: 'MALFORMED_REPLY', facts: expect.objectContaining({ limit: 4096 }) }),
      )
    },
  )
})
