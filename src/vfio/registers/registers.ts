import * as v from 'valibot'
import { checked } from '../../base/arguments.ts'
import { VfioError } from '../../base/errors.ts'
import { hex, printable, shown } from '../../base/units.ts'
import { Register, type RegisterRegion } from './register.ts'
import { RegisterBlock, type RegisterForm, type RegisterSpec, type RegisterSpecs } from './register-block.ts'

/** A block's registers in a region, by name. */
export type Registers<Specs extends RegisterSpecs> = { readonly [Name in keyof Specs]: RegisterOf<Specs[Name]> }

/** The registers of a declaration: one or an array, with the methods that its access allows. */
export type RegisterOf<Spec extends RegisterSpec> = Spec extends { readonly count: number }
  ? RegisterArray<SingleRegister<Spec>>
  : SingleRegister<Spec>

/** One register, with what its access allows. */
export type SingleRegister<Spec extends RegisterSpec> = Spec extends { readonly access: 'r' }
  ? ReadableRegister<RegisterValue<Spec['width']>, RegisterFieldValues<Spec>>
  : Spec extends { readonly access: 'w' }
    ? WritableRegister<RegisterValue<Spec['width']>, RegisterFieldValues<Spec>>
    : ReadWriteRegister<RegisterValue<Spec['width']>, RegisterFieldValues<Spec>>

/** The type of the value of a register of that width. */
export type RegisterValue<Width> = Width extends 64 ? bigint : number

/** The values of a register's fields, by name: one bit as true or false, several as a number. */
export type RegisterFieldValues<Spec extends RegisterSpec> = Spec extends { readonly fields: infer Fields }
  ? { readonly [Name in keyof Fields]: Fields[Name] extends number ? boolean : RegisterValue<Spec['width']> }
  : Readonly<Record<string, never>>

/** A register that can be read: numbers, and a bigint for 64 bits. */
export interface ReadableRegister<Value, Fields> {
  readonly name: string
  /** Bytes from the start of the region. */
  readonly offset: number
  readonly width: 8 | 16 | 32 | 64
  /** One access of the register's width. */
  read(): Value
  /** Reads it once: its fields, one bit as true or false and several as a number. */
  fields(): Fields
}

/** A register that can be written. */
export interface WritableRegister<Value, Fields> {
  readonly name: string
  readonly offset: number
  readonly width: 8 | 16 | 32 | 64
  /** One access of the register's width: a whole value, or fields, where what is not named is 0. */
  write(value: Value | Partial<Fields>): void
}

/** A register that can be read and written. */
export interface ReadWriteRegister<Value, Fields>
  extends ReadableRegister<Value, Fields>,
    WritableRegister<Value, Fields> {
  /**
   * Reads it, changes these fields and writes it back: two accesses, between which the device may change it. A bit that
   * is cleared by writing 1 is cleared so if it was set: `write` such a register.
   */
  update(fields: Partial<Fields>): void
}

/** Registers alike, one after the other. */
export interface RegisterArray<One> extends Iterable<One> {
  readonly length: number
  /** Throws OUT_OF_RANGE beyond the last. */
  at(index: number): One
}

const declaredRegisters = v.instance(RegisterBlock, 'must be what registerBlock gives')

/** The block's registers in this region. Throws OUT_OF_RANGE if one lies outside it. */
export function registersOf<Specs extends RegisterSpecs>(
  block: RegisterBlock<Specs>,
  region: RegisterRegion,
): Registers<Specs> {
  checked('as', declaredRegisters, block)
  const registers = Object.fromEntries(block.forms.map((form) => [form.name, registerOf(form, region)]))
  if (!holdsAll(block, registers)) throw new TypeError('a register of the block was left out')
  return registers
}

function holdsAll<Specs extends RegisterSpecs>(block: RegisterBlock<Specs>, made: object): made is Registers<Specs> {
  return Object.keys(block.specs).every((name) => Object.hasOwn(made, name))
}

function registerOf(form: RegisterForm, region: RegisterRegion): Register | RegisterArray<Register> {
  if (form.end > region.size) {
    throw new VfioError(
      'OUT_OF_RANGE',
      `register ${printable(form.name)} ends at ${hex(form.end)}, and region ${region.name} at ${hex(region.size)}`,
      { facts: { register: form.name, region: region.name, offset: form.offset, end: form.end, size: region.size } },
    )
  }
  return form.count === null ? new Register(form, region, null) : arrayOf(form, region, form.count)
}

function arrayOf(form: RegisterForm, region: RegisterRegion, length: number): RegisterArray<Register> {
  const at = (index: number): Register => {
    if (Number.isInteger(index) && index >= 0 && index < length) return new Register(form, region, index)
    const what = `register ${printable(form.name)}[${shown(index)}]`
    if (typeof index !== 'number') throw new VfioError('INVALID_ARGUMENT', `there can be no ${what}`)
    throw new VfioError('OUT_OF_RANGE', `there is no ${what}: there are ${length}`, {
      facts: { register: form.name, index, count: length },
    })
  }
  return Object.freeze({
    length,
    at,
    *[Symbol.iterator]() {
      for (let index = 0; index < length; index++) yield at(index)
    },
  })
}
