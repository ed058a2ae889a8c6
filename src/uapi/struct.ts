import { kernelOrder } from '../base/byte-order.ts'
import { VfioError } from '../base/errors.ts'

/** Type of a kernel struct's field, which is stored in the kernel's byte order. */
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
const maxima = { u8: 0xff, u16: 0xffff, u32: 0xffff_ffff, s32: 0x7fff_ffff } as const

interface Field {
  readonly name: string
  readonly offset: number
  readonly type: FieldType
}

interface Codec {
  readonly fields: readonly Field[]
  /** End of the last field, in bytes. */
  readonly end: number
}

/** One for each layout, made at its first use: to list an object's entries takes longer than to read the fields. */
const codecs = new WeakMap<Layout, Codec>()

function codecOf(layout: Layout): Codec {
  const made = codecs.get(layout)
  if (made !== undefined) return made
  const fields = Object.entries(layout.fields).map(([name, [offset, type]]) => ({ name, offset, type }))
  const codec = { fields, end: Math.max(...fields.map(({ offset, type }) => offset + widths[type])) }
  codecs.set(layout, codec)
  return codec
}

/** The fields of the struct at `at`. Throws MALFORMED_REPLY if the bytes end before the struct does. */
export function decode<L extends Layout>(layout: L, bytes: Uint8Array, at = 0): Values<L> {
  const { fields, end } = codecOf(layout)
  if (at + end > bytes.length) {
    throw new VfioError('MALFORMED_REPLY', `${bytes.length} bytes are too few for struct ${layout.name} at ${at}`, {
      facts: { struct: layout.name, at, bytes: bytes.length, needed: at + layout.size },
    })
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const values: Record<string, number | bigint> = {}
  for (const { name, offset, type } of fields) values[name] = readField(view, at + offset, type)
  if (!hasEveryField<L>(fields, values)) throw new TypeError(`struct ${layout.name} was not decoded whole`)
  return values
}

/** A new struct with these fields; what is not named is zero. Throws RangeError if a value does not fit its field. */
export function encode<L extends Layout>(layout: L, values: Partial<Values<L>>): Uint8Array {
  const bytes = new Uint8Array(layout.size)
  encodeInto(layout, bytes, values)
  return bytes
}

/** Overwrites the named fields of the struct that begins `bytes`, and leaves the rest as it is. */
export function encodeInto<L extends Layout>(layout: L, bytes: Uint8Array, values: Partial<Values<L>>): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const given: Readonly<Record<string, unknown>> = values
  for (const { name, offset, type } of codecOf(layout).fields) {
    const value = given[name]
    if (value === undefined) continue
    if (!writeField(view, offset, type, value)) {
      throw new RangeError(`${layout.name}.${name} cannot hold ${String(value)}`)
    }
  }
}

function hasEveryField<L extends Layout>(
  fields: readonly Field[],
  values: Readonly<Record<string, unknown>>,
): values is Values<L> {
  for (const { name, type } of fields) if (typeof values[name] !== (type === 'u64' ? 'bigint' : 'number')) return false
  return true
}

function readField(view: DataView, offset: number, type: FieldType): number | bigint {
  switch (type) {
    case 'u8':
      return view.getUint8(offset)
    case 'u16':
      return view.getUint16(offset, kernelOrder)
    case 'u32':
      return view.getUint32(offset, kernelOrder)
    case 's32':
      return view.getInt32(offset, kernelOrder)
    case 'u64':
      return view.getBigUint64(offset, kernelOrder)
  }
}

/** False, writing nothing, if the value does not fit. */
function writeField(view: DataView, offset: number, type: FieldType, value: unknown): boolean {
  if (type === 'u64') {
    if (typeof value !== 'bigint' || BigInt.asUintN(64, value) !== value) return false
    view.setBigUint64(offset, value, kernelOrder)
    return true
  }
  if (typeof value !== 'number' || !Number.isInteger(value)) return false
  if (value < (type === 's32' ? -0x8000_0000 : 0) || value > maxima[type]) return false
  if (type === 'u8') view.setUint8(offset, value)
  else if (type === 'u16') view.setUint16(offset, value, kernelOrder)
  else view.setInt32(offset, value, kernelOrder)
  return true
}

/** struct vfio_info_cap_header; `next` counts from the start of the info struct, 0 ends the chain. */
export const vfioInfoCapHeader = {
  name: 'vfio_info_cap_header',
  size: 8,
  fields: { id: [0, 'u16'], version: [2, 'u16'], next: [4, 'u32'] },
} as const

/** One link of a chain. `bytes` begins with the header and ends where the next capability or the answer does. */
export interface InfoCapability {
  readonly id: number
  readonly version: number
  readonly bytes: Uint8Array
}

/** No kernel sends more than a handful. */
const maxCapabilities = 64

/**
 * The capabilities chained behind an info struct, in chain order; `first` is the struct's cap_offset, 0 for none.
 * `answer` is what the kernel filled, no further. A link that points into the fixed part, off the 4-byte grid, past the
 * end or back to a link already seen is MALFORMED_REPLY: drivers have sent such chains.
 */
export function infoCapabilities(
  struct: string,
  answer: Uint8Array,
  first: number,
  fixedSize: number,
): InfoCapability[] {
  const links = new Map<number, { id: number; version: number }>()
  let offset = first
  while (offset !== 0) {
    const wrong = brokenLink(offset, answer.length, fixedSize, links)
    if (wrong !== null) {
      throw new VfioError('MALFORMED_REPLY', `the capability chain of struct ${struct} is broken: ${wrong}`, {
        facts: { struct, offset, bytes: answer.length, chain: [...links.keys()] },
      })
    }
    const { id, version, next } = decode(vfioInfoCapHeader, answer, offset)
    links.set(offset, { id, version })
    offset = next
  }
  const ends = [...links.keys(), answer.length].sort((a, b) => a - b)
  return [...links].map(([start, { id, version }]) => ({
    id,
    version,
    bytes: answer.subarray(start, ends[ends.indexOf(start) + 1]),
  }))
}

function brokenLink(offset: number, end: number, fixedSize: number, seen: ReadonlyMap<number, unknown>): string | null {
  if (offset < fixedSize) return `offset ${offset} lies inside the struct's own ${fixedSize} bytes`
  if (offset % 4 !== 0) return `offset ${offset} is not aligned`
  if (offset + vfioInfoCapHeader.size > end) return `offset ${offset} is past the ${end} bytes answered`
  if (seen.has(offset)) return `it comes back to offset ${offset}`
  if (seen.size === maxCapabilities) return `it has more than ${maxCapabilities} links`
  return null
}
