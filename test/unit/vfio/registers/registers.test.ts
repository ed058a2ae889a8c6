import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { openDevice } from '../../../../src/vfio/device.ts'
import { type RegisterSpecs, registerBlock } from '../../../../src/vfio/registers/register-block.ts'
import { answerRegion, FakeKernel } from '../fake-kernel.ts'
import { LoggedMapping } from '../region/logged-mapping.ts'

const Device = registerBlock({
  id: { offset: 0x00, width: 32, access: 'r', fields: { revision: [7, 0], vendor: [31, 16] } },
  doorbell: { offset: 0x04, width: 16, access: 'w', fields: { ring: 0, queue: [15, 8] } },
  control: { offset: 0x08, width: 8, fields: { enable: 0, mode: [3, 1], lock: 7 } },
  mask: { offset: 0x10, width: 64, fields: { low: [31, 0], high: [62, 32], top: 63 } },
  counter: { offset: 0x18, width: 64, order: 'high-low' },
  base: { offset: 0x24, width: 64, order: 'low-high' },
  ring: { offset: 0x40, width: 32, count: 4, stride: 8, fields: { valid: 31, entry: [30, 0] } },
  wide: { offset: 0x60, width: 32, fields: { all: [31, 0] } },
})

/** The block in a mapped region, so that each access is written down. */
function mapped() {
  const kernel = new FakeKernel()
  kernel.regions.set(0, answerRegion({ size: 0x80n, offset: 0n, flags: 7 }))
  const memory = new LoggedMapping(kernel.calls, 0, 0x1000)
  kernel.map = () => memory
  const registers = openDevice(kernel, { group: 5, name: 'dev' }).regions.bar0.map().as(Device)
  kernel.calls.length = 0
  return { kernel, memory: memory.bytes, registers }
}

describe('a register', () => {
  test('is one access of its width', () => {
    const { kernel, memory, registers } = mapped()
    memory.setUint32(0, 0x1af4_0007, true)
    expect(registers.id.read()).toBe(0x1af4_0007)
    registers.doorbell.write(0xabcd)
    registers.control.write(0x81)
    expect(registers.control.read()).toBe(0x81)
    registers.mask.write(0x8000_0000_0000_0001n)
    expect(registers.mask.read()).toBe(0x8000_0000_0000_0001n)
    expect(kernel.calls).toEqual([
      'load 4@0x0',
      'store 2@0x4',
      'store 1@0x8',
      'load 1@0x8',
      'store 8@0x10',
      'load 8@0x10',
    ])
  })

  test('knows its name and place', () => {
    const { registers } = mapped()
    expect(registers.doorbell).toMatchObject({ name: 'doorbell', offset: 4, width: 16 })
    expect(registers.ring.at(3)).toMatchObject({ name: 'ring[3]', offset: 0x58, width: 32 })
  })

  test('shows its fields from one read', () => {
    const { kernel, memory, registers } = mapped()
    memory.setUint32(0, 0xfff4_0107, true)
    memory.setUint8(8, 0b1000_1010)
    memory.setBigUint64(0x10, 0xffff_ffff_8000_0001n, true)
    memory.setUint32(0x60, 0xffff_ffff, true)
    expect(registers.id.fields()).toEqual({ revision: 7, vendor: 0xfff4 })
    expect(registers.control.fields()).toEqual({ enable: false, mode: 5, lock: true })
    expect(registers.mask.fields()).toEqual({ low: 0x8000_0001n, high: 0x7fff_ffffn, top: true })
    expect(registers.wide.fields()).toEqual({ all: 0xffff_ffff })
    expect(kernel.calls).toEqual(['load 4@0x0', 'load 1@0x8', 'load 8@0x10', 'load 4@0x60'])
  })

  test('is updated by one read and one write, which leave its other fields alone', () => {
    const { kernel, memory, registers } = mapped()
    memory.setUint8(8, 0b1111_0101)
    registers.control.update({ enable: false, mode: 7 })
    expect(memory.getUint8(8)).toBe(0b1111_1110)
    memory.setBigUint64(0x10, 0x8000_0000_0000_0000n, true)
    registers.mask.update({ high: 5n, top: false })
    expect(memory.getBigUint64(0x10, true)).toBe(0x5_0000_0000n)
    memory.setUint32(0x60, 1, true)
    registers.wide.update({ all: 0xffff_fffe })
    expect(memory.getUint32(0x60, true)).toBe(0xffff_fffe)
    expect(kernel.calls).toEqual([
      'load 1@0x8',
      'store 1@0x8',
      'load 8@0x10',
      'store 8@0x10',
      'load 4@0x60',
      'store 4@0x60',
    ])
  })

  test('is written by fields with the rest 0, without a read', () => {
    const { kernel, memory, registers } = mapped()
    memory.setUint8(8, 0xff)
    registers.control.write({ mode: 2 })
    registers.doorbell.write({ ring: true, queue: 0x12 })
    expect([memory.getUint8(8), memory.getUint16(4, true)]).toEqual([0b100, 0x1201])
    expect(kernel.calls).toEqual(['store 1@0x8', 'store 2@0x4'])
  })

  test('of 64 bits with an order is two accesses of 32, in that order', () => {
    const { kernel, memory, registers } = mapped()
    registers.counter.write(0x1111_2222_3333_4444n)
    registers.base.write(0xffff_0000_0000_ffffn)
    expect([registers.counter.read(), registers.base.read()]).toEqual([0x1111_2222_3333_4444n, 0xffff_0000_0000_ffffn])
    expect(memory.getBigUint64(0x18, true)).toBe(0x1111_2222_3333_4444n)
    expect(kernel.calls).toEqual([
      'store 4@0x1c',
      'store 4@0x18',
      'store 4@0x24',
      'store 4@0x28',
      'load 4@0x1c',
      'load 4@0x18',
      'load 4@0x24',
      'load 4@0x28',
    ])
  })

  test('of an array stands a stride from the one before', () => {
    const { kernel, registers } = mapped()
    registers.ring.at(2).write({ valid: true, entry: 1 })
    expect(Array.from(registers.ring, (one) => one.fields().entry)).toEqual([0, 0, 1, 0])
    expect(kernel.calls).toEqual(['store 4@0x50', 'load 4@0x40', 'load 4@0x48', 'load 4@0x50', 'load 4@0x58'])
    expect(registers.ring.length).toBe(4)
  })

  test.each([-1, 4, 0.5, Number.NaN])('of an array is OUT_OF_RANGE at %d', (index) => {
    expect(() => mapped().registers.ring.at(index)).toThrow(
      expect.objectContaining({ code: 'OUT_OF_RANGE', facts: { register: 'ring', index, count: 4 } }),
    )
  })
})

describe('an access that the declaration does not allow', () => {
  test('is refused, whatever the types were told', () => {
    const { kernel, registers } = mapped()
    const { id, doorbell }: { readonly id: object; readonly doorbell: object } = registers
    for (const [register, method, argument] of [
      [id, 'write', 1],
      [id, 'update', { revision: 1 }],
      [doorbell, 'read', undefined],
      [doorbell, 'fields', undefined],
      [doorbell, 'update', { ring: true }],
    ] as const) {
      expect(() => Reflect.apply(Reflect.get(register, method), register, [argument])).toThrow(
        expect.objectContaining({ code: 'NOT_SUPPORTED', message: expect.stringMatching(/is (read|write)-only$/) }),
      )
    }
    expect(kernel.calls).toEqual([])
  })

  test('is refused where the value does not fit, before the device is touched', () => {
    const { kernel, registers } = mapped()
    const { control, mask, counter }: Readonly<Record<string, object>> = registers
    for (const [register, method, argument] of [
      [control, 'write', 256],
      [control, 'write', -1],
      [control, 'write', 1n],
      [control, 'write', undefined],
      [control, 'write', null],
      [control, 'write', { speed: 1 }],
      [control, 'update', undefined],
      [control, 'update', 3],
      [control, 'update', { mode: 8 }],
      [control, 'update', { mode: 1.5 }],
      [control, 'update', { mode: 1n }],
      [control, 'update', { mode: true }],
      [control, 'update', { enable: 1 }],
      [control, 'update', { constructor: 1 }],
      [control, 'update', { enable: undefined }],
      [mask, 'write', 1],
      [mask, 'write', -1n],
      [mask, 'update', { low: 1 }],
      [mask, 'update', { low: 2n ** 32n }],
      [counter, 'write', 2n ** 64n],
      [counter, 'write', -1n],
    ] as const) {
      expect(() => Reflect.apply(Reflect.get(register ?? {}, method), register, [argument])).toThrow(
        expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
      )
    }
    expect(kernel.calls).toEqual([])
  })
})

describe('a declaration', () => {
  const cases: Readonly<Record<string, RegisterSpecs[string]>> = {
    'an offset that is no multiple of the width': { offset: 2, width: 32 },
    'an offset below 0': { offset: -4, width: 32 },
    'an offset that is no whole number': { offset: 0.5, width: 8 },
    'an offset that no number holds': { offset: Number.MAX_SAFE_INTEGER - 6, width: 8, count: 100 },
    'an order at 32 bits': { offset: 0, width: 32, order: 'low-high' },
    'an ordered offset that is no multiple of 4': { offset: 2, width: 64, order: 'low-high' },
    'no registers in an array': { offset: 0, width: 8, count: 0 },
    'half a register more': { offset: 0, width: 8, count: 1.5 },
    'a stride without a count': { offset: 0, width: 8, stride: 4 },
    'array elements that overlap': { offset: 0, width: 32, count: 2, stride: 2 },
    'array elements that are not aligned': { offset: 0, width: 32, count: 2, stride: 6 },
    'a field beyond the width': { offset: 0, width: 8, fields: { top: 8 } },
    'a field that reaches beyond the width': { offset: 0, width: 8, fields: { top: [8, 4] } },
    'a field below bit 0': { offset: 0, width: 8, fields: { low: [3, -1] } },
    'a field lowest bit first': { offset: 0, width: 8, fields: { low: [0, 3] } },
    'a field of one bit as a range': { offset: 0, width: 8, fields: { low: [3, 3] } },
    'half a bit': { offset: 0, width: 8, fields: { half: 0.5 } },
    'fields that overlap': { offset: 0, width: 8, fields: { low: [3, 0], bit: 3 } },
  }

  test.each(Object.entries(cases))('with %s is INVALID_ARGUMENT', (_, spec) => {
    expect(() => registerBlock({ broken: spec })).toThrow(
      expect.objectContaining({
        code: 'INVALID_ARGUMENT',
        message: expect.stringContaining('broken'),
        facts: expect.objectContaining({ register: 'broken' }),
      }),
    )
  })

  test.each([
    '{"offset":0,"width":24}',
    '{"offset":0,"width":8,"acess":"r"}',
    '{"offset":0,"width":8,"access":"rx"}',
    '{"offset":0,"width":64,"order":"up"}',
    '{"offset":"0","width":8}',
    '{"offset":0,"width":"8"}',
    '{"offset":0,"width":8,"fields":null}',
    '{"offset":0,"width":8,"count":"2"}',
    'null',
    '[]',
  ])('that no type allows is INVALID_ARGUMENT: %s', (json) => {
    expect(() => registerBlock({ broken: JSON.parse(json) })).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT', facts: { register: 'broken' } }),
    )
  })

  test.each(['{"a":[0]}', '{"a":"0"}', '{"a":[3,2,1]}', '{"a":null}'])('with fields %s is INVALID_ARGUMENT', (json) => {
    expect(() => registerBlock({ broken: { offset: 0, width: 8, fields: JSON.parse(json) } })).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT', facts: { register: 'broken', field: 'a' } }),
    )
  })

  test.each(['null', '5', '"text"'])('of registers that is %s is INVALID_ARGUMENT', (json) => {
    expect(() => registerBlock(JSON.parse(json))).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
  })

  test.each<[string, RegisterSpecs]>([
    ['register', { last: { offset: 8, width: 32 } }],
    ['array', { last: { offset: 0, width: 32, count: 2, stride: 8 } }],
  ])('whose %s ends beyond the region is OUT_OF_RANGE', (_, specs) => {
    const kernel = new FakeKernel()
    kernel.regions.set(0, answerRegion({ size: 0xbn, flags: 3 }))
    const { bar0 } = openDevice(kernel, { group: 5, name: 'dev' }).regions
    expect(() => bar0.as(registerBlock(specs))).toThrow(
      expect.objectContaining({
        code: 'OUT_OF_RANGE',
        facts: expect.objectContaining({ register: 'last', region: 'bar0', end: 12, size: 11 }),
      }),
    )
  })

  test('may give two registers one place', () => {
    expect(
      registerBlock({ rbr: { offset: 0, width: 8, access: 'r' }, thr: { offset: 0, width: 8, access: 'w' } }).forms,
    ).toHaveLength(2)
  })
})

test('fields that are read, changed and read again are what they were changed to, and nothing else moved', () => {
  const widths = fc.constantFrom<8 | 16 | 32 | 64>(8, 16, 32, 64)
  const anyCase = widths.chain((width) =>
    fc.record({
      width: fc.constant(width),
      low: fc.nat(width - 2),
      span: fc.integer({ min: 2, max: width }),
      before: fc.bigInt({ min: 0n, max: 2n ** BigInt(width) - 1n }),
      wanted: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    }),
  )
  fc.assert(
    fc.property(anyCase, ({ width, low, span, before, wanted }) => {
      const bits = Math.min(span, width - low)
      const block = registerBlock({ one: { offset: 8, width, fields: { part: [low + bits - 1, low] } } })
      const { memory, region } = plainMemory()
      memory.setBigUint64(8, before, true)
      const { one } = region.as(block)
      const value = BigInt.asUintN(bits, wanted)
      const part = width === 64 ? value : Number(value)
      Reflect.apply(one.update, one, [{ part }])
      expect(one.fields()).toEqual({ part })
      const mask = (2n ** BigInt(bits) - 1n) << BigInt(low)
      expect(memory.getBigUint64(8, true)).toBe((before & ~mask) | (value << BigInt(low)))
    }),
    { numRuns: 300 },
  )
})

function plainMemory() {
  const kernel = new FakeKernel()
  kernel.regions.set(0, answerRegion({ size: 0x80n, offset: 0n, flags: 7 }))
  const mapping = new LoggedMapping(kernel.calls, 0, 0x1000)
  kernel.map = () => mapping
  return { memory: mapping.bytes, region: openDevice(kernel, { group: 5, name: 'dev' }).regions.bar0.map() }
}
