import { VfioError } from '../../base/errors.ts'
import { printable, shown } from '../../base/units.ts'
import type { Accessors } from '../../kernel/kernel.ts'
import type { RegisterForm } from './register-block.ts'
import { decodeFields, encodeFields, type FieldValue } from './register-fields.ts'

type Whole = number | bigint

/** The region or mapping that registers lie in. */
export interface RegisterRegion extends Accessors {
  readonly name: string
  readonly size: number
}

/** One register in a region. It has every method, and refuses those that its declaration does not allow. */
export class Register {
  readonly name: string
  readonly offset: number
  readonly width: 8 | 16 | 32 | 64
  readonly #form: RegisterForm
  readonly #region: RegisterRegion

  /** `index` in an array of registers, or null. */
  constructor(form: RegisterForm, region: RegisterRegion, index: number | null) {
    this.name = index === null ? form.name : `${form.name}[${index}]`
    this.offset = form.offset + form.stride * (index ?? 0)
    this.width = form.width
    this.#form = form
    this.#region = region
  }

  read(): Whole {
    if (!this.#form.readable) throw this.#refusal('write-only')
    switch (this.width) {
      case 8:
        return this.#region.read8(this.offset)
      case 16:
        return this.#region.read16(this.offset)
      case 32:
        return this.#region.read32(this.offset)
      case 64:
        return this.#form.order === null ? this.#region.read64(this.offset) : this.#readHalves()
    }
  }

  fields(): Record<string, FieldValue> {
    return decodeFields(this.#form.fields, this.read())
  }

  write(value: Whole | Readonly<Record<string, unknown>>): void {
    if (!this.#form.writable) throw this.#refusal('read-only')
    this.#writeWhole(typeof value === 'object' ? this.#with(this.width === 64 ? 0n : 0, value) : value)
  }

  update(changes: Readonly<Record<string, unknown>>): void {
    if (!this.#form.writable) throw this.#refusal('read-only')
    this.#with(this.width === 64 ? 0n : 0, changes) // refused before the device is touched
    this.#writeWhole(this.#with(this.read(), changes))
  }

  #with(value: Whole, changes: Readonly<Record<string, unknown>>): Whole {
    if (typeof changes !== 'object' || changes === null) throw this.#unfit(changes)
    const changed = encodeFields(this.name, this.#form.fields, value, changes)
    return this.width === 64 ? changed : Number(changed)
  }

  #writeWhole(value: Whole): void {
    if (typeof value === 'bigint' && this.width === 64) {
      if (this.#form.order === null) this.#region.write64(this.offset, value)
      else this.#writeHalves(value)
    } else if (typeof value === 'number' && this.width !== 64) {
      if (this.width === 8) this.#region.write8(this.offset, value)
      else if (this.width === 16) this.#region.write16(this.offset, value)
      else this.#region.write32(this.offset, value)
    } else {
      throw this.#unfit(value)
    }
  }

  #readHalves(): bigint {
    const lowFirst = this.#form.order === 'low-high'
    const first = BigInt(this.#region.read32(this.offset + (lowFirst ? 0 : 4)))
    const second = BigInt(this.#region.read32(this.offset + (lowFirst ? 4 : 0)))
    return lowFirst ? (second << 32n) | first : (first << 32n) | second
  }

  #writeHalves(value: bigint): void {
    if (BigInt.asUintN(64, value) !== value) throw this.#unfit(value)
    const [low, high] = [Number(value & 0xffff_ffffn), Number(value >> 32n)]
    const lowFirst = this.#form.order === 'low-high'
    this.#region.write32(this.offset + (lowFirst ? 0 : 4), lowFirst ? low : high)
    this.#region.write32(this.offset + (lowFirst ? 4 : 0), lowFirst ? high : low)
  }

  #unfit(value: unknown): VfioError {
    const kind = this.width === 64 ? 'bigint' : 'number'
    return new VfioError(
      'INVALID_ARGUMENT',
      `register ${printable(this.name)} cannot hold ${shown(value)}: it takes an unsigned ${kind} of ${this.width} bits`,
      { facts: { register: this.name, width: this.width } },
    )
  }

  #refusal(kind: 'read-only' | 'write-only'): VfioError {
    return new VfioError('NOT_SUPPORTED', `register ${printable(this.name)} is ${kind}`, {
      facts: { register: this.name, access: kind === 'read-only' ? 'r' : 'w' },
    })
  }
}
