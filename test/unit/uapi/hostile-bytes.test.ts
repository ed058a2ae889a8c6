import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { VfioError } from '../../../src/errors.ts'
import { decodeDeviceInfo } from '../../../src/uapi/device-info.ts'
import { decodeGroupStatus } from '../../../src/uapi/group-status.ts'
import { decodeIrqInfo } from '../../../src/uapi/irq-info.ts'
import { decodeIrqSet } from '../../../src/uapi/irq-set.ts'
import { decodeRegionInfo } from '../../../src/uapi/region-info.ts'
import { decodeType1Info } from '../../../src/uapi/type1.ts'

/** Words that mean something in these structs come up often enough to reach the chains and the capabilities. */
const word = fc.oneof(
  { weight: 4, arbitrary: fc.nat(64) },
  { weight: 4, arbitrary: fc.nat(16).map((words) => 4 * words) },
  { weight: 2, arbitrary: fc.constantFrom(0x80, 0xff, 0x1_0001, 0x1_0002, 0x1_0005) },
  { weight: 1, arbitrary: fc.nat(0xffff_ffff) },
)
const hostile = fc
  .tuple(fc.array(word, { maxLength: 40 }), fc.nat(3))
  .map(([words, cut]) => new Uint8Array(Uint32Array.from(words).buffer).subarray(0, 4 * words.length - cut))

const decoders: Readonly<Record<string, (bytes: Uint8Array) => unknown>> = {
  decodeGroupStatus,
  decodeDeviceInfo,
  decodeRegionInfo,
  decodeIrqInfo,
  decodeIrqSet,
  decodeType1Info,
}

describe.each(Object.entries(decoders))('%s', (_, decoder) => {
  test('takes any bytes for a value or a VfioError', () => {
    let values = 0
    fc.assert(
      fc.property(hostile, (bytes) => {
        try {
          decoder(bytes)
          values++
        } catch (error) {
          expect(error).toBeInstanceOf(VfioError)
        }
      }),
      { numRuns: 2000 },
    )
    expect(values).toBeGreaterThan(0)
  })
})
