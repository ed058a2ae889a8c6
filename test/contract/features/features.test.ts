import { describe, expect, test } from 'vitest'
import {
  deviceFeatureFlag,
  deviceFeatures,
  vfioDeviceFeature,
  vfioDeviceFeatureDmaBuf,
  vfioDeviceFeatureDmaLoggingControl,
  vfioDeviceFeatureDmaLoggingRange,
  vfioDeviceFeatureDmaLoggingReport,
  vfioRegionDmaRange,
} from '../../../src/uapi/features.ts'
import { request } from '../../../src/uapi/requests.ts'
import { encode, encodeInto } from '../../../src/uapi/struct.ts'
import type { Descriptor } from '../../../src/vfio/calls/descriptor.ts'
import { openRawMtty, openRawPci } from '../irq/irq-raw.ts'
import { isLinuxBefore } from '../kernel.ts'
import { answerOf } from '../kernel-answer.ts'
import { openMdev } from '../open-mdev.ts'
import { openPci } from '../pci.ts'

const {
  VFIO_DEVICE_FEATURE_GET: get,
  VFIO_DEVICE_FEATURE_SET: set,
  VFIO_DEVICE_FEATURE_PROBE: probe,
} = deviceFeatureFlag

function code(expected: string) {
  return expect.objectContaining({ name: 'VfioError', code: expected })
}

describe('the features', () => {
  test('a PCI device has low power alone, and a physical function its VF token too', async (context) => {
    const { device } = await openPci(context, 'nvme')
    // a kernel that is built for peer-to-peer DMA makes dma-bufs of BARs too
    expect([...device.features.list()].filter(([name]) => name !== 'dma-buf')).toEqual([
      ['pci-vf-token', ['set']],
      ['low-power-entry', ['set']],
      ['low-power-entry-with-wakeup', ['set']],
      ['low-power-exit', ['set']],
    ])
  })

  test('a feature that the device lacks is NOT_SUPPORTED, as is what a feature does not allow', async (context) => {
    const { device } = await openPci(context, 'edu')
    expect(device.features.has('pci-vf-token', 'set')).toBe(false)
    expect(() => device.features.get('migration', new Uint8Array(8))).toThrow(code('NOT_SUPPORTED'))
    expect(() => device.features.get('low-power-exit', new Uint8Array())).toThrow(
      expect.objectContaining({ code: 'NOT_SUPPORTED', errno: 'EINVAL' }),
    )
  })

  test('make dma-bufs of BARs alone: ENODEV for the ROM, for configuration space and what follows', async (context) => {
    const { device } = await openPci(context, 'edu')
    if (!device.features.has('dma-buf', 'get')) context.skip('this kernel makes no dma-buf of a BAR')
    const range = encode(vfioRegionDmaRange, { offset: 0n, length: 0x1000n })
    for (const region_index of [6, 7, 8, 9]) {
      const asked = encode(vfioDeviceFeatureDmaBuf, { region_index, nr_ranges: 1 })
      expect(() => device.features.get('dma-buf', Buffer.concat([asked, range]))).toThrow(
        expect.objectContaining({ errno: 'ENODEV' }),
      )
    }
  })

  test('mtty has migration and the logging of its DMA from Linux 6.7 on', async (context) => {
    const opened = await openMdev(context, 'mtty', 'mtty-2')
    const { features } = opened.device
    if (isLinuxBefore(opened, 6, 7)) {
      expect([...features.list()]).toEqual([])
      return
    }
    expect(Object.fromEntries(features.list())).toMatchObject({
      migration: ['get'],
      'mig-device-state': ['get', 'set'],
      'dma-logging-start': ['set'],
      'dma-logging-stop': ['set'],
      'dma-logging-report': ['get'],
      'mig-data-size': ['get'],
    })
  })
})

test('the DMA log of mtty is reported by a kernel that is built with iommufd, and is EOPNOTSUPP elsewhere', async (context) => {
  const raw = await openRawMtty(context)
  if (isLinuxBefore(raw, 6, 7)) context.skip('its driver logs no DMA')
  const { VFIO_DEVICE_FEATURE_GET } = deviceFeatureFlag
  const { size } = vfioDeviceFeature
  const argsz = size + vfioDeviceFeatureDmaLoggingReport.size
  const ask = (page_size: bigint) => {
    const head = encode(vfioDeviceFeature, {
      argsz,
      flags: deviceFeatures['dma-logging-report'].id | VFIO_DEVICE_FEATURE_GET,
    })
    const report = encode(vfioDeviceFeatureDmaLoggingReport, { iova: 0n, length: 0x1_0000n, page_size })
    const bitmap = { offset: size + vfioDeviceFeatureDmaLoggingReport.fields.bitmap[0], target: new Uint8Array(8) }
    return answerOf(() =>
      raw.descriptor.ioctl(request.VFIO_DEVICE_FEATURE, Uint8Array.of(...head, ...report), [bitmap]),
    )
  }
  expect(ask(0x800n)).toBe('EINVAL')
  expect(ask(0x1000n)).toBe(raw.kernel.files.kind('/dev/iommu') === null ? 'EOPNOTSUPP' : 0)
})

test('the DMA log of mtty takes ranges that do not overlap; one of no length at 0 overlaps all others', async (context) => {
  const raw = await openRawMtty(context)
  if (isLinuxBefore(raw, 6, 7)) context.skip('its driver logs no DMA')
  const { size } = vfioDeviceFeature
  let page_size = 0x1000n
  const start = (...ranges: (readonly [iova: bigint, length: bigint])[]) => {
    const control = encode(vfioDeviceFeatureDmaLoggingControl, { page_size, num_ranges: ranges.length })
    const head = encode(vfioDeviceFeature, {
      argsz: size + control.length,
      flags: deviceFeatures['dma-logging-start'].id | set,
    })
    const target = Buffer.concat(
      ranges.map(([iova, length]) => encode(vfioDeviceFeatureDmaLoggingRange, { iova, length })),
    )
    const pointer = { offset: size + vfioDeviceFeatureDmaLoggingControl.fields.ranges[0], target }
    return answerOf(() =>
      raw.descriptor.ioctl(request.VFIO_DEVICE_FEATURE, Uint8Array.of(...head, ...control), [pointer]),
    )
  }
  const first = [0x1000n, 0x1000n] as const
  expect(start(first, [0x2000n, 0x1000n])).toBe(0)
  expect(start(first, [0x1000n, 0x2000n])).toBe('EINVAL')
  expect(start([0n, 0n])).toBe(0)
  expect(start(first, [0n, 0n])).toBe('EINVAL')
  page_size = 0n
  expect([start(first), start([0n, 0n])]).toEqual(['EINVAL', 0])
})

describe('VFIO_DEVICE_FEATURE answers', () => {
  const exit = deviceFeatures['low-power-exit'].id
  const entry = deviceFeatures['low-power-entry-with-wakeup'].id
  const token = deviceFeatures['pci-vf-token'].id

  /** The data is -1 throughout, which is no descriptor. */
  function feature(descriptor: Descriptor, flags: number, argsz: number): number | string {
    const bytes = new Uint8Array(Math.max(argsz, vfioDeviceFeature.size)).fill(0xff)
    encodeInto(vfioDeviceFeature, bytes, { argsz, flags })
    return answerOf(() => descriptor.ioctl(request.VFIO_DEVICE_FEATURE, bytes))
  }

  test.for<[string, number, number, number | string]>([
    ['a probe for what there is', exit | set | probe, 8, 0],
    ['a probe for an operation that it does not allow', exit | get | probe, 8, 'EINVAL'],
    ['a probe for both operations', exit | get | set | probe, 8, 'EINVAL'],
    ['what no kernel has', 0xffff | get, 8, 'ENOTTY'],
    ['a probe for what no kernel has', 0xffff | get | probe, 8, 'ENOTTY'],
    ['what other devices have', deviceFeatures.migration.id | get, 16, 'ENOTTY'],
    ['an operation that it does not allow', exit | get, 8, 'EINVAL'],
    ['both operations', exit | get | set, 8, 'EINVAL'],
    ['an unknown flag', exit | set | 0x8_0000, 8, 'EINVAL'],
    ['an argsz that ends before the flags', exit | set, 4, 'EINVAL'],
    ['an argsz that ends before the data', entry | set, 12, 'EINVAL'],
    ['data that names no eventfd', entry | set, 16, 'EINVAL'],
    ['a token on what has no functions', token | set, 24, 'ENOTTY'],
  ])('%s', async ([, flags, argsz, expected], context) => {
    const { descriptor } = await openRawPci(context, 'edu')
    expect(feature(descriptor, flags, argsz)).toBe(expected)
  })
})
