import * as v from 'valibot'
import { checked, entries } from '../../base/arguments.ts'
import { VfioError } from '../../base/errors.ts'
import { printable, shown } from '../../base/units.ts'

/** One bit by its number, or several as [highest, lowest]. */
export type RegisterFieldBits = number | readonly [high: number, low: number]

const fieldBits = v.union([v.number(), v.strictTuple([v.number(), v.number()])], 'must be a bit, or two')

/** Bits of a register with a name. */
export interface RegisterField {
  readonly low: number
  readonly bits: number
  /** Declared as one bit: true or false. */
  readonly isFlag: boolean
}

/** The value of a field: a flag, a number, or a bigint beyond 32 bits. */
export type FieldValue = boolean | number | bigint

/** Checks the fields of a register of `width` bits. Throws INVALID_ARGUMENT. */
export function fieldsOf(
  register: string,
  width: number,
  declared: readonly (readonly [string, unknown])[],
): ReadonlyMap<string, RegisterField> {
  const fields = new Map<string, RegisterField>()
  let taken = 0n
  for (const [name, given] of declared) {
    const about = `field ${printable(name)} of register ${printable(register)}`
    const bits = checked(about, fieldBits, given, 'what it is', { register, field: name })
    const [high, low] = typeof bits === 'number' ? [bits, bits] : bits
    const isWithin = Number.isInteger(high) && Number.isInteger(low) && low >= 0 && high < width
    if (!isWithin || (typeof bits === 'number' ? bits < 0 : high <= low)) {
      throw wrong(register, name, `[${high}, ${low}] are no bits of ${width}, highest first; one alone is its number`)
    }
    const mask = maskOf(high - low + 1) << BigInt(low)
    if ((taken & mask) !== 0n) throw wrong(register, name, 'it overlaps the field before it')
    taken |= mask
    fields.set(name, { low, bits: high - low + 1, isFlag: typeof bits === 'number' })
  }
  return fields
}

/** The fields of a register's value, each as wide as the value: a number or a bigint. */
export function decodeFields(
  fields: ReadonlyMap<string, RegisterField>,
  value: number | bigint,
): Record<string, FieldValue> {
  return Object.fromEntries(Array.from(fields, ([name, field]) => [name, extract(field, value)]))
}

/**
 * `value` with these fields changed. Throws INVALID_ARGUMENT for a field that is not there, and for a value that it
 * cannot hold or that is not of the register's own type.
 */
export function encodeFields(
  register: string,
  fields: ReadonlyMap<string, RegisterField>,
  value: number | bigint,
  changes: Readonly<Record<string, unknown>>,
): bigint {
  let changed = BigInt(value)
  for (const [name, to] of checked(register, entries, changes, 'its fields')) {
    const field = fields.get(name)
    if (field === undefined) {
      throw wrong(register, name, `the register's fields are ${[...fields.keys()].join(', ') || 'none'}`)
    }
    const low = BigInt(field.low)
    changed = (changed & ~(maskOf(field.bits) << low)) | (bitsOf(register, name, field, to, value) << low)
  }
  return changed
}

function extract({ low, bits, isFlag }: RegisterField, value: number | bigint): FieldValue {
  if (typeof value === 'bigint') {
    const found = (value >> BigInt(low)) & maskOf(bits)
    return isFlag ? found === 1n : found
  }
  const found = Math.floor(value / 2 ** low) % 2 ** bits
  return isFlag ? found === 1 : found
}

function bitsOf(register: string, name: string, field: RegisterField, to: unknown, whole: number | bigint): bigint {
  if (field.isFlag) {
    if (typeof to === 'boolean') return BigInt(to)
    throw wrong(register, name, `it is true or false, not ${shown(to)}`)
  }
  if (typeof to === typeof whole && (typeof to === 'bigint' || (typeof to === 'number' && Number.isInteger(to)))) {
    const number = BigInt(to)
    if (number >= 0n && number <= maskOf(field.bits)) return number
  }
  throw wrong(register, name, `${shown(to)} is no ${typeof whole} of ${field.bits} bits`)
}

function maskOf(bits: number): bigint {
  return (1n << BigInt(bits)) - 1n
}

function wrong(register: string, field: string, because: string): VfioError {
  return new VfioError('INVALID_ARGUMENT', `field ${printable(field)} of register ${printable(register)}: ${because}`, {
    facts: { register, field },
  })
}
