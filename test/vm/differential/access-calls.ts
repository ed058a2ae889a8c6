import fc from 'fast-check'
import { on } from './arguments.ts'
import type { Call } from './call.ts'

const device = on('device', 'device', 'device', 'device', 'device', 'group')
const offset = fc.oneof(
  { weight: 4, arbitrary: fc.nat({ max: 0x48 }) },
  { weight: 1, arbitrary: fc.constantFrom(0x60, 0xfc, 0xfe, 0xff, 0x100, 0x1000, 0xf_fffe, 0x10_0000, 0x20_0000) },
)
const region = fc.constantFrom(7, 7, 7, 7, 0, 0, 1, 6, 8, 9, 16, 255)

const read: fc.Arbitrary<Call> = fc.record({
  kind: fc.constant('pread'),
  on: device,
  region,
  offset,
  length: fc.constantFrom(0, 1, 2, 3, 4, 4, 5, 7, 8, 16, 64),
})

const write: fc.Arbitrary<Call> = fc.record({
  kind: fc.constant('pwrite'),
  on: device,
  region,
  offset: fc.oneof(
    fc.constantFrom(
      0x00,
      0x04,
      0x05,
      0x06,
      0x0c,
      0x0d,
      0x10,
      0x10,
      0x12,
      0x14,
      0x24,
      0x30,
      0x3c,
      0x3d,
      0x40,
      0x42,
      0x44,
    ),
    offset,
  ),
  bytes: fc
    .array(fc.constantFrom(0x00, 0x02, 0x04, 0x06, 0x0f, 0xf0, 0xff), { minLength: 1, maxLength: 9 })
    .map((bytes) => Buffer.from(bytes).toString('hex')),
})

const map: fc.Arbitrary<Call> = fc.record({
  kind: fc.constant('mmap'),
  on: device,
  region: fc.constantFrom(0, 0, 0, 1, 6, 7, 8, 16, 9),
  page: fc.constantFrom(0, 0, 1, 1, 2, 255, 256, 512, 513),
  pages: fc.constantFrom(1, 1, 2, 255, 256, 257, 512, 513),
  access: fc.constantFrom('r', 'w', 'rw'),
})

/** Regions, trapped and mapped. */
export const accessCalls: readonly fc.Arbitrary<Call>[] = [read, read, write, write, map]
