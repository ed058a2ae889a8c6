import * as v from 'valibot'
import { checked, entries } from '../../base/arguments.ts'
import { VfioError } from '../../base/errors.ts'
import { printable } from '../../base/units.ts'
import { fieldsOf, type RegisterField, type RegisterFieldBits } from './register-fields.ts'

/** The declaration of a register. */
export interface RegisterSpec {
  /** Bytes from the start of the region. */
  readonly offset: number
  /** Bits of each access. */
  readonly width: 8 | 16 | 32 | 64
  /** 'rw' if absent. */
  readonly access?: 'r' | 'w' | 'rw'
  /** 64 bits as two 32-bit accesses, in this order, for a device or a bus that takes no wider ones. */
  readonly order?: 'low-high' | 'high-low'
  /** By name: one bit, true or false, by its number; several, a number, as [highest, lowest]. */
  readonly fields?: Readonly<Record<string, RegisterFieldBits>>
  /** An array of this many registers, `stride` bytes apart: their width if absent. */
  readonly count?: number
  readonly stride?: number
}

/** The registers of a block, by name. */
export type RegisterSpecs = Readonly<Record<string, RegisterSpec>>

const declared = v.looseObject({
  offset: v.number(),
  width: v.picklist([8, 16, 32, 64]),
  access: v.optional(v.picklist(['r', 'w', 'rw'])),
  order: v.optional(v.picklist(['low-high', 'high-low'])),
  fields: v.optional(entries),
  count: v.optional(v.number()),
  stride: v.optional(v.number()),
})

/** A declared register, checked and with what it left out. */
export interface RegisterForm {
  readonly name: string
  readonly offset: number
  readonly width: 8 | 16 | 32 | 64
  readonly readable: boolean
  readonly writable: boolean
  readonly order: 'low-high' | 'high-low' | null
  readonly fields: ReadonlyMap<string, RegisterField>
  /** Null for a single register. */
  readonly count: number | null
  /** Bytes from one register of an array to the next. */
  readonly stride: number
  /** The first byte after it. */
  readonly end: number
}

/** Registers as `registerBlock` declared them; `region.as(block)` gives them life. */
export class RegisterBlock<Specs extends RegisterSpecs> {
  readonly specs: Specs
  readonly forms: readonly RegisterForm[]

  constructor(specs: Specs) {
    this.specs = specs
    this.forms = checked('registerBlock', entries, specs).map(([name, spec]) => formOf(name, spec))
  }
}

/**
 * Declares a device's registers, by name:
 *
 *     const Uart = registerBlock({
 *       thr: { offset: 0, width: 8, access: 'w' },
 *       lcr: { offset: 3, width: 8, fields: { wordLength: [1, 0], dlab: 7 } },
 *       ring: { offset: 0x100, width: 32, count: 16 },
 *     })
 *
 * Two registers may share a place, as a device's often do. Throws INVALID_ARGUMENT if one cannot be: an offset that is
 * no multiple of the width, fields that overlap or do not fit, array elements that overlap.
 */
export function registerBlock<const Specs extends RegisterSpecs>(specs: Specs): RegisterBlock<Specs> {
  return new RegisterBlock(specs)
}

const known = ['offset', 'width', 'access', 'order', 'fields', 'count', 'stride']

function formOf(name: string, given: unknown): RegisterForm {
  const spec = checked(`register ${printable(name)}`, declared, given, 'what it is', { register: name })
  const { offset, width, access = 'rw', order = null, count = null, fields = [] } = spec
  const bytes = width / 8
  const unit = order === null ? bytes : 4
  const stride = spec.stride ?? bytes
  const end = offset + stride * ((count ?? 1) - 1) + bytes
  check(name, [
    [Object.keys(spec).every((key) => known.includes(key)), `only ${known.join(', ')} describe a register`],
    [order === null || width === 64, `an order is for 64 bits, and it has ${width}`],
    [isNatural(offset) && offset % unit === 0, `its offset is a multiple of ${unit} bytes, not ${offset}`],
    [count === null || (isNatural(count) && count > 0), `its count is a whole number from 1, not ${count}`],
    [spec.stride === undefined || count !== null, 'a stride is for an array, and it has no count'],
    [isNatural(stride) && stride >= bytes, `its stride is at least its own ${bytes} bytes, not ${stride}`],
    [stride % unit === 0, `its stride is a multiple of ${unit} bytes, not ${stride}`],
    [Number.isSafeInteger(end), `it ends at ${end}, beyond every region`],
  ])
  return {
    name,
    offset,
    width,
    readable: access !== 'w',
    writable: access !== 'r',
    order,
    fields: fieldsOf(name, width, fields),
    count,
    stride,
    end,
  }
}

function check(name: string, claims: readonly (readonly [holds: boolean, wrong: string])[]): void {
  const broken = claims.find(([holds]) => !holds)
  if (broken === undefined) return
  throw new VfioError('INVALID_ARGUMENT', `register ${printable(name)} cannot be: ${printable(broken[1])}`, {
    facts: { register: name },
  })
}

function isNatural(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}
