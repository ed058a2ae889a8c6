import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeGroupStatus, decodeType1Info, dmaAvail, iovaRanges } from '../../../src/uapi/container.ts'
import { decodeDeviceInfo } from '../../../src/uapi/device.ts'
import { decodeHotResetInfo } from '../../../src/uapi/hot-reset.ts'
import { decodeIrqInfo, decodeIrqSet } from '../../../src/uapi/irq.ts'
import { decodeRegionInfo } from '../../../src/uapi/region.ts'
import { pageFrame } from '../../../src/vfio/iommu/physical-pages.ts'
import { expectAnswers, expectAnswersToBytes, structBytes } from '../hostile.ts'

const decoders: Readonly<Record<string, (bytes: Uint8Array) => unknown>> = {
  decodeGroupStatus,
  decodeDeviceInfo,
  decodeHotResetInfo,
  decodeRegionInfo,
  decodeIrqInfo,
  decodeIrqSet,
  decodeType1Info,
  iovaRanges: (bytes) => iovaRanges(decodeType1Info(bytes).capabilities),
  dmaAvail: (bytes) => dmaAvail(decodeType1Info(bytes).capabilities),
}

describe.each(Object.entries(decoders))('%s', (_, decoder) => {
  test('takes any bytes for a value or a VfioError', () => {
    const { values, errors } = expectAnswersToBytes(structBytes, decoder)
    expect(values).toBeGreaterThan(0)
    expect(errors).toBeGreaterThan(0)
  })
})

test('any entry of a pagemap is a page frame of 55 bits, or none', () => {
  expectAnswers(fc.bigInt(0n, 2n ** 64n - 1n), (entry) => {
    const frame = pageFrame(entry)
    if (frame !== null && (frame < 0n || frame >= 2n ** 55n)) throw new Error(`${frame} is no page frame`)
  })
})
