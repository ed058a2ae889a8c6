import fc from 'fast-check'
import { on } from './arguments.ts'
import type { Call, Descriptor, Width } from './call.ts'

const device = on(...Array<Descriptor>(12).fill('device'), 'group')
const offset = fc.oneof(
  { weight: 4, arbitrary: fc.nat({ max: 0x48 }) },
  { weight: 1, arbitrary: fc.constantFrom(0x60, 0xfc, 0xfe, 0xff, 0x100, 0x1000, 0xf_fffe, 0x10_0000, 0x20_0000) },
)
const region = fc.constantFrom(7, 7, 7, 7, 0, 0, 1, 6, 8, 9, 16, 255)
const registersOfConfig = [0x00, 0x04, 0x04, 0x05, 0x06, 0x0c, 0x0d, 0x10, 0x10, 0x12, 0x14, 0x24, 0x30, 0x3c, 0x3d]
const capability = [0x40, 0x42, 0x44]

const registerOrOffset = fc.oneof(fc.constantFrom(...registersOfConfig, ...capability), offset)

const read: fc.Arbitrary<Call> = fc.record({
  kind: fc.constant('pread'),
  on: device,
  region,
  offset: registerOrOffset,
  length: fc.constantFrom(0, 1, 2, 3, 4, 4, 5, 7, 8, 16, 64),
})

const write: fc.Arbitrary<Call> = fc.record({
  kind: fc.constant('pwrite'),
  on: device,
  region,
  offset: registerOrOffset,
  bytes: fc
    .array(fc.constantFrom(0x00, 0x02, 0x04, 0x06, 0x0f, 0xf0, 0xff), { minLength: 1, maxLength: 9 })
    .map((bytes) => Buffer.from(bytes).toString('hex')),
})

/** Of mtty's ports, which take one byte at a time. */
const uartRegister = fc.constantFrom(0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 6, 7)
const uartByte = fc.constantFrom('00', '01', '02', '03', '07', '0b', '0f', '20', '41', '80', '83', 'c7', 'ff')
const uart: fc.Arbitrary<Call> = fc.oneof(
  fc.record({
    kind: fc.constant('pwrite' as const),
    on: on('device'),
    region: fc.constantFrom(0, 0, 0, 1),
    offset: uartRegister,
    bytes: uartByte,
  }),
  fc.record({
    kind: fc.constant('pread' as const),
    on: on('device'),
    region: fc.constantFrom(0, 0, 0, 1),
    offset: uartRegister,
    length: fc.constant(1),
  }),
)

/** Of edu: what it is, liveness, factorial, status, and the raising and acknowledging of interrupts. */
const eduRegister = fc.constantFrom(0x00, 0x04, 0x04, 0x08, 0x08, 0x20, 0x20, 0x24, 0x60, 0x60, 0x60, 0x64, 0x64, 0x80)
const eduWord = fc.constantFrom(0, 1, 1, 2, 5, 12, 40, 0x80, 0x100, 0xffff_ffff)
const eduWrite = fc.record({
  kind: fc.constant('pwrite' as const),
  on: on('device'),
  region: fc.constant(0),
  offset: eduRegister,
  bytes: eduWord.map((value) => Buffer.from(Uint32Array.of(value).buffer).toString('hex')),
})
const eduRead = fc.record({
  kind: fc.constant('pread' as const),
  on: on('device'),
  region: fc.constant(0),
  offset: eduRegister,
  length: fc.constantFrom(4, 4, 4, 8, 2, 1, 3),
})

const map: fc.Arbitrary<Call> = fc.record({
  kind: fc.constant('mmap'),
  on: device,
  region: fc.constantFrom(0, 0, 0, 0, 0, 1, 6, 7, 8, 16, 9),
  page: fc.constantFrom(0, 0, 0, 0, 1, 1, 1, 2, 255, 256, 512, 513),
  pages: fc.constantFrom(1, 1, 1, 2, 255, 256, 257, 512, 513),
  access: fc.constantFrom('r', 'w', 'rw', 'rw', 'rw'),
})
/** All of a BAR, or a page of it. */
const usualMap: fc.Arbitrary<Call> = fc
  .record({
    on: on('device'),
    pages: fc.constantFrom([0, 0, 1], [0, 0, 256], [0, 1, 1], [0, 1, 512], [16, 1, 512], [0, 4, 2]),
    access: fc.constantFrom('r', 'rw', 'rw'),
  })
  .map(({ pages: [region = 0, page = 0, pages = 0], ...call }) => ({ kind: 'mmap', ...call, region, page, pages }))
const nth = fc.nat({ max: 2 })
const mapped = {
  nth,
  offset: fc.oneof(eduRegister, fc.constantFrom(0x40, 0xff8, 0x1000, 0xf_fff8, 0x1f_fff8)),
  width: fc.constantFrom<Width[]>(8, 16, 32, 32, 32, 64),
}
const load: fc.Arbitrary<Call> = fc.record({ kind: fc.constant('load'), ...mapped })
const store: fc.Arbitrary<Call> = fc.record({ kind: fc.constant('store'), ...mapped, value: eduWord })
const unmap: fc.Arbitrary<Call> = fc.record({ kind: fc.constant('munmap'), nth })

/** Registers that raise interrupts. */
export const registerCalls: readonly fc.Arbitrary<Call>[] = [uart, uart, uart, eduWrite, eduWrite, eduWrite, eduRead]
/** Regions, trapped and mapped. */
export const accessCalls: readonly fc.Arbitrary<Call>[] = [
  ...[read, read, read, write, write, write],
  ...[map, usualMap, usualMap, load, load, load, store, store, store, unmap],
  ...registerCalls,
]
