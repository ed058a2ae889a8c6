import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeIrqSet, encodeIrqSet, type IrqSet, vfioIrqSet } from '../../../src/uapi/irq.ts'
import { encode } from '../../../src/uapi/struct.ts'

const u32 = fc.nat(0xffff_ffff)
const payload = fc.oneof(
  fc.array(fc.boolean(), { maxLength: 40 }).map((bools) => ({ count: bools.length, data: { bools } })),
  fc.array(fc.integer(), { maxLength: 40 }).map((eventfds) => ({ count: eventfds.length, data: { eventfds } })),
  u32.map((count) => ({ count, data: null })),
)
const irqSet: fc.Arbitrary<IrqSet> = fc
  .tuple(u32, u32, fc.constantFrom('mask', 'unmask', 'trigger'), payload)
  .map(([index, start, action, rest]) => ({ index, start, action, ...rest }))

describe('an irq set', () => {
  test('ties eventfds to vectors as s32 after the struct', () => {
    const bytes = encodeIrqSet({ index: 1, start: 2, count: 2, action: 'trigger', data: { eventfds: [17, -1] } })
    expect(Buffer.from(bytes).toString('hex')).toBe(
      ['1c000000', '24000000', '01000000', '02000000', '02000000', '11000000', 'ffffffff'].join(''),
    )
  })

  test('disables an index with no data and count 0', () => {
    const bytes = encodeIrqSet({ index: 2, start: 0, count: 0, action: 'trigger', data: null })
    expect(Buffer.from(bytes).toString('hex')).toBe('14000000' + '21000000' + '02000000' + '00000000' + '00000000')
  })

  test('reads back as it was written', () => {
    fc.assert(
      fc.property(irqSet, (set) => {
        expect(decodeIrqSet(encodeIrqSet(set))).toEqual(set)
      }),
    )
  })

  test('has one entry per vector', () => {
    expect(() => encodeIrqSet({ index: 0, start: 0, count: 2, action: 'mask', data: { bools: [true] } })).toThrow(
      RangeError,
    )
  })

  test.each([
    ['no action', { argsz: 20, flags: 0b000_001 }],
    ['two actions', { argsz: 20, flags: 0b011_001 }],
    ['no data type', { argsz: 20, flags: 0b100_000 }],
    ['two data types', { argsz: 20, flags: 0b100_011 }],
    ['an unknown flag', { argsz: 20, flags: 0b1_100_001 }],
    ['data past its argsz', { argsz: 20, flags: 0b100_010, count: 1 }],
    ['data past the bytes there are', { argsz: 0xffff_ffff, flags: 0b100_100, count: 0xffff_ffff }],
  ])('with %s is refused', (_, fields) => {
    const bytes = new Uint8Array(24)
    bytes.set(encode(vfioIrqSet, fields))
    expect(() => decodeIrqSet(bytes)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
  })
})
