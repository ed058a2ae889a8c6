import { VfioError } from '../errors.ts'

/** How a field of a kernel struct is stored; all are little-endian, as on every machine VFIO runs this package on. */
export type FieldType = 'u8' | 'u16' | 'u32' | 's32' | 'u64'

/** A C struct as data: its name, the bytes of its fixed part, and each field's offset and type. */
export interface Layout {
  readonly name: string
  readonly size: number
  readonly fields: Readonly<Record<string, readonly [offset: number, type: FieldType]>>
}

/** A struct's fields as values: `bigint` for u64, `number` for the rest. */
export type Values<L extends Layout> = {
  readonly [Field in keyof L['fields']]: L['fields'][Field][1] extends 'u64' ? bigint : number
}

const widths: Readonly<Record<FieldType, number>> = { u8: 1, u16: 2, u32: 4, s32: 4, u64: 8 }

/** The fields of the struct at `at`. Throws KERNEL_ANSWER where the bytes end before the struct does. */
export function decode<L extends Layout>(layout: L, bytes: Uint8Array, at = 0): Values<L> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const values: Record<string, number | bigint> = {}
  for (const [field, [offset, type]] of Object.entries(layout.fields)) {
    if (at + offset + widths[type] > bytes.length) {
      throw new VfioError('KERNEL_ANSWER', `${bytes.length} bytes are too few for struct ${layout.name} at ${at}`, {
        facts: { struct: layout.name, at, bytes: bytes.length, needed: at + layout.size },
      })
    }
    values[field] = readField(view, at + offset, type)
  }
  if (!hasEveryField(layout, values)) throw new TypeError(`struct ${layout.name} was not decoded whole`)
  return values
}

/** A new struct with these fields; what is not named is zero. Throws RangeError where a value does not fit its field. */
export function encode<L extends Layout>(layout: L, values: Partial<Values<L>>): Uint8Array {
  const bytes = new Uint8Array(layout.size)
  encodeInto(layout, bytes, values)
  return bytes
}

/** Overwrites the named fields of the struct that begins `bytes`, and leaves the rest as it is. */
export function encodeInto<L extends Layout>(layout: L, bytes: Uint8Array, values: Partial<Values<L>>): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const given: Readonly<Record<string, unknown>> = values
  for (const [field, [offset, type]] of Object.entries(layout.fields)) {
    const value = given[field]
    if (value === undefined) continue
    if (!fits(value, type)) throw new RangeError(`${layout.name}.${field} cannot hold ${String(value)}`)
    writeField(view, offset, type, value)
  }
}

function hasEveryField<L extends Layout>(layout: L, values: unknown): values is Values<L> {
  if (typeof values !== 'object' || values === null) return false
  const found = new Map(Object.entries(values))
  return Object.entries(layout.fields).every(
    ([field, [, type]]) => typeof found.get(field) === (type === 'u64' ? 'bigint' : 'number'),
  )
}

function readField(view: DataView, offset: number, type: FieldType): number | bigint {
  switch (type) {
    case 'u8':
      return view.getUint8(offset)
    case 'u16':
      return view.getUint16(offset, true)
    case 'u32':
      return view.getUint32(offset, true)
    case 's32':
      return view.getInt32(offset, true)
    case 'u64':
      return view.getBigUint64(offset, true)
  }
}

function writeField(view: DataView, offset: number, type: FieldType, value: number | bigint): void {
  if (type === 'u64') view.setBigUint64(offset, BigInt(value), true)
  else if (widths[type] === 4) view.setInt32(offset, Number(value), true)
  else if (type === 'u16') view.setUint16(offset, Number(value), true)
  else view.setUint8(offset, Number(value))
}

function fits(value: unknown, type: FieldType): value is number | bigint {
  if (type === 'u64') return typeof value === 'bigint' && BigInt.asUintN(64, value) === value
  if (typeof value !== 'number' || !Number.isInteger(value)) return false
  if (type === 's32') return value >= -0x8000_0000 && value <= 0x7fff_ffff
  return value >= 0 && value < 2 ** (8 * widths[type])
}
