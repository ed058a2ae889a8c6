import { VfioError } from './errors.ts'

declare const brand: unique symbol

/** A UUID in its one written form: lower case, hyphens. */
export type Uuid = string & { readonly [brand]: 'Uuid' }
/** A PCI address in its long form, lower case: '0000:3b:00.0'. */
export type PciAddress = string & { readonly [brand]: 'PciAddress' }

const uuidForm = /^(?:urn:uuid:)?\{?([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})\}?$/

function isUuid(text: string): text is Uuid {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text)
}

/** Any case, without hyphens, in braces or as `urn:uuid:` (mdevctl's forms); null if it is no UUID. */
export function uuidOrNull(text: string): Uuid | null {
  // As nearly all are: a listing asks for thousands.
  if (isUuid(text)) return text
  const parts = uuidForm.exec(text.toLowerCase())
  if (parts === null) return null
  const uuid = parts.slice(1).join('-')
  return isUuid(uuid) ? uuid : null
}

/** Throws INVALID_ARGUMENT if the text is no UUID. */
export function parseUuid(text: string): Uuid {
  const uuid = typeof text === 'string' ? uuidOrNull(text) : null
  if (uuid !== null) return uuid
  throw new VfioError('INVALID_ARGUMENT', `${shown(text)} is not a UUID`, {
    hint: 'a UUID looks like 83b8f4f2-509f-382f-3c1e-e6bfe0fa1001; `uuidgen` makes one',
  })
}

/** Its 16 bytes, in the order in which it is written: the kernel's uuid_t. */
export function uuidBytes(uuid: Uuid): Uint8Array {
  return Uint8Array.from(uuid.replaceAll('-', '').match(/../g) ?? [], (digits) => Number.parseInt(digits, 16))
}

function isPciAddress(text: string): text is PciAddress {
  return /^[0-9a-f]{4,8}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]$/.test(text)
}

/**
 * As lspci, lshw (pci@), udev (pci-), devlink (pci/) and nvidia-smi (eight digits of domain) print it, and as people
 * do.
 */
const pciForm = /^(?:pci[-@/])?(?:([0-9a-f]{4,8}):)?([0-9a-f]{2}):([01][0-9a-f])\.([0-7])$/
/** As libvirt names the device. */
const libvirtPciForm = /^pci_([0-9a-f]{4,8})_([0-9a-f]{2})_([01][0-9a-f])_([0-7])$/

/**
 * '3b:00.0', '0000:3B:00.0', '00000000:3B:00.0' and 'pci_0000_3b_00_0' alike; null if it is no PCI address. A domain
 * that is left out is 0000.
 */
export function pciAddressOrNull(text: string): PciAddress | null {
  // As the kernel writes it, with a domain of four digits, or more if it needs them.
  if (isPciAddress(text) && (text.indexOf(':') === 4 || text[0] !== '0')) return text
  const lower = text.toLowerCase()
  const parts = pciForm.exec(lower) ?? libvirtPciForm.exec(lower)
  if (parts === null) return null
  const [, domain = '', bus, device, fn] = parts
  const address = `${domain.replace(/^0+/, '').padStart(4, '0')}:${bus}:${device}.${fn}`
  return isPciAddress(address) ? address : null
}

/** The reason why a text that looks like a PCI address is none, as the end of a sentence; null for any other text. */
export function pciAddressFault(text: string): string | null {
  const [, slot, fn] = /^(?:[0-9a-f]{4,8}:)?[0-9a-f]{2}:([0-9a-f]{2})\.([0-9a-f]{1,2})$/i.exec(text) ?? []
  if (slot === undefined || fn === undefined || pciAddressOrNull(text) !== null) return null
  return Number.parseInt(slot, 16) > 0x1f ? 'a bus has slots 00 to 1f' : 'a device has functions 0 to 7'
}

/** Throws INVALID_ARGUMENT if the text is no PCI address. */
export function parsePciAddress(text: string): PciAddress {
  const address = pciAddressOrNull(text)
  if (address !== null) return address
  const fault = pciAddressFault(text)
  if (fault !== null) throw new VfioError('INVALID_ARGUMENT', `'${text}' is not a PCI address: ${fault}`)
  throw new VfioError('INVALID_ARGUMENT', `'${printable(text)}' is not a PCI address`, {
    hint: 'a PCI address looks like 3b:00.0 or 0000:3b:00.0; lspci -D shows them',
  })
}

/**
 * A whole number as people write it: decimal, or hexadecimal with 0x; null for anything else, for a negative, and above
 * 2^64-1.
 */
export function unsignedOrNull(text: string): bigint | null {
  if (!/^(0x[0-9a-f]{1,16}|[0-9]{1,20})$/i.test(text)) return null
  const value = BigInt(text)
  return value <= 0xffff_ffff_ffff_ffffn ? value : null
}

/** '0x1f' with at least `digits` digits. */
export function hex(value: number | bigint, digits = 1): string {
  return `0x${value.toString(16).padStart(digits, '0')}`
}

const sizeUnits: Readonly<Record<string, number>> = { '': 0, K: 10, M: 20, G: 30, T: 40 }

/** Bytes as people write them, in units of 1024: '32G', '512MiB', '8 GiB', '4294967296'; null for what is no size. */
export function bytesOrNull(text: string): number | null {
  const [, digits = '', unit = ''] = /^(\d{1,16}) ?([KMGT]?)(?:iB|B)?$/i.exec(text) ?? []
  const bytes = Number(digits) * 2 ** (sizeUnits[unit.toUpperCase()] ?? 0)
  return digits !== '' && bytes > 0 && Number.isSafeInteger(bytes) ? bytes : null
}

/** '16 MiB', '4 KiB', '255 B': the largest unit that divides it. */
export function formatSize(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let unit = 0
  let value = bytes
  while (value >= 1024 && value % 1024 === 0 && unit < units.length - 1) {
    value /= 1024
    unit++
  }
  return `${value} ${units[unit] ?? 'B'}`
}

/** Text from outside, safe to show on one line: what is not seen as it is as escapes, at most 100 characters. */
export function printable(text: string): string {
  return escaped(text.length > 100 ? `${text.slice(0, 100)}…` : text)
}

/** Any value, for the sentence that refuses it: on one line, and nothing of the value's own is called. */
export function shown(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return `'${printable(value)}'`
    case 'function':
      return 'a function'
    case 'bigint':
      return BigInt.asIntN(128, value) === value ? String(value) : 'a bigint of more than 128 bits'
    case 'object':
      return value === null ? 'null' : 'an object'
    default:
      return printable(String(value))
  }
}

/** The same in full, with no end cut off. */
export function escaped(text: string): string {
  return escapedAs(text, (character) => {
    const code = character.codePointAt(0) ?? 0
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`
  })
}

/** A text in which each character that is not seen as it is is written in another way. */
export function escapedAs(text: string, write: (character: string) => string): string {
  // as nearly all are, and long ones at that
  return /^[\x20-\x7e]*$/.test(text) ? text : text.replace(unseen(), write)
}

/**
 * The characters that a terminal obeys instead of showing, or shows as nothing or in another place: control characters,
 * those that turn the direction of writing, line and paragraph separators, invisible ones, halves of a character. Made
 * only when needed: it costs a thirtieth of Node's start.
 */
function unseen(): RegExp {
  return /\p{Cc}|\p{Cf}|\p{Zl}|\p{Zp}|\p{Cs}|\p{Default_Ignorable_Code_Point}|\p{Noncharacter_Code_Point}/gu
}

/**
 * A name from outside that will become one component of a path (a parent, a type): INVALID_ARGUMENT if it is empty,
 * longer than 100 characters, `.` or `..`, or holds `/` or a control character.
 */
export function checkedName(what: string, name: string): string {
  const fault = nameFault(name)
  if (fault === null) return name
  throw new VfioError('INVALID_ARGUMENT', `${what} name '${printable(name)}' ${fault}`, {
    hint: 'names are single path components, as `vfioctl types` shows them',
  })
}

/** The reason why a name cannot or should not be one path component, as the end of a sentence; null if it can. */
export function nameFault(name: string): string | null {
  return pathFault(name) ?? (printable(name) === name ? null : 'holds a control character or is too long')
}

/** Only why it cannot: a name that is there already may hold whatever a file system takes. */
export function pathFault(name: string): string | null {
  if (name === '') return 'is empty'
  if (name === '.' || name === '..') return 'would leave its folder'
  if (name.includes('/')) return "holds '/'"
  return name.includes('\0') ? 'holds a NUL' : null
}

/** A number with what it counts: '1 device', '2 devices'. Every text that counts has it from here. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
