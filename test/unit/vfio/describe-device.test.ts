import { expect, test } from 'vitest'
import { vfioDeviceInfo } from '../../../src/uapi/device.ts'
import { vfioRegionInfo } from '../../../src/uapi/region.ts'
import { encode } from '../../../src/uapi/struct.ts'
import { describeDevice } from '../../../src/vfio/describe-device.ts'
import { openDevice } from '../../../src/vfio/device.ts'
import { concat, u32s, u64s, withCapabilities } from '../uapi/bytes.ts'
import { answerIrq, FakeKernel } from './fake-kernel.ts'

test('a device described survives JSON: 64-bit values and bytes are hex', () => {
  const kernel = new FakeKernel()
  const argsz = 80
  const struct = encode(vfioRegionInfo, { argsz, flags: 0xf, cap_offset: 32, size: 0x10_0000n, offset: 1n << 60n })
  const whole = withCapabilities(struct, argsz, {
    32: { id: 1, next: 64, body: concat(u32s(1, 0), u64s(0x1000n, 1n << 40n)) },
    64: { id: 77, next: 0, body: u32s(0xddcc_bbaa, 0) },
  })
  kernel.regions.set(0, (bytes) => bytes.set(whole.subarray(0, bytes.length)))
  kernel.irqs.set(1, answerIrq({ flags: 9, count: 4 }))
  const info = encode(vfioDeviceInfo, { argsz: 52, flags: 0x83, num_regions: 1, num_irqs: 2, cap_offset: 20 })
  const infoWhole = withCapabilities(info, 52, {
    20: { id: 5, next: 36, body: u32s(3, 0) },
    36: { id: 1, next: 0, body: u32s(0x0403_0201, 5) },
  })
  kernel.deviceInfo = (bytes) => bytes.set(infoWhole.subarray(0, bytes.length))

  const description = describeDevice(openDevice(kernel, { group: 5, name: '0000:00:05.0' }))
  expect(JSON.parse(JSON.stringify(description))).toEqual(description)
  expect(description).toEqual({
    name: '0000:00:05.0',
    group: 5,
    iommuMode: 'type1v2',
    flags: expect.objectContaining({ reset: true, pci: true, caps: true }),
    numRegions: 1,
    numIrqs: 2,
    capabilities: [
      { name: 'pci-atomic-comp', widths: [32, 64] },
      { name: 'zpci-base', version: 1, data: '0102030405000000' },
    ],
    regions: [
      {
        index: 0,
        name: 'bar0',
        size: '0x100000',
        offset: '0x1000000000000000',
        flags: { read: true, write: true, mmap: true },
        capabilities: [
          { name: 'sparse-mmap', areas: [{ offset: '0x1000', size: '0x10000000000' }] },
          { name: 'unknown', id: 77, version: 1, data: 'aabbccdd00000000' },
        ],
      },
    ],
    irqs: [{ index: 1, name: 'msi', count: 4, flags: expect.objectContaining({ eventfd: true, noresize: true }) }],
  })
})
