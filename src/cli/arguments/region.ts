import { printable, unsignedOrNull } from '../../base/units.ts'
import { configHeader } from '../../uapi/pci.ts'
import { type Option, type RequiredPositional, text, usageError } from '../command/command.ts'
import { deviceForms } from './device-argument.ts'

/** Bits of one access. */
export type Width = 8 | 16 | 32 | 64

/** Place of an access: its offset in bytes, and the width in bits of a register that is named. */
export interface Place {
  readonly offset: number
  readonly width: Width | null
}

const widths: readonly Width[] = [8, 16, 32, 64]

/** The positional DEVICE of commands that open a device. */
export const device: RequiredPositional<string> = {
  kind: 'required',
  completes: 'vfio device',
  parse: text,
  describe: deviceForms,
}

/** The positional REGION: a name or an index. */
export const region: RequiredPositional<string> = {
  kind: 'required',
  completes: ['bar0', 'bar1', 'bar2', 'bar3', 'bar4', 'bar5', 'rom', 'config', 'vga'],
  parse: text,
  describe: 'bar0 … bar5, rom, config, vga, or its number',
}

/** The positional OFFSET, and how many bytes. */
export const offset: RequiredPositional<string> = {
  kind: 'required',
  completes: 'nothing',
  parse: text,
  describe: 'bytes from the start of the region, or a register’s name in config: vendor_id, command, …',
}

/** `--width`: bits of each access. */
export const width: Option<Width> = {
  kind: 'option',
  alias: 'w',
  value: '8|16|32|64',
  completes: ['8', '16', '32', '64'],
  parse: parseWidth,
  describe:
    'bits of each access (default: those of the named register, else 32; fewer only at odd offsets of config and I/O). ' +
    'The device sees each access at this width: it reads as all ones if it does not support the width, and on arm64 ' +
    'that may take Linux down. Before Linux 6.12, 64 reaches a BAR as two accesses of 32, low half first; from ' +
    'then on as one, which a device of 32-bit registers answers with all ones',
}

function parseWidth(given: string): Width {
  const found = widths.find((known) => String(known) === given)
  if (found === undefined) throw usageError(`--width is 8, 16, 32 or 64, not '${printable(given)}'`)
  return found
}

/** The offset and length that `OFFSET[+LENGTH]` says; INVALID_ARGUMENT for anything else. */
export function parsePlace(given: string, inRegion: string): Place {
  const number = unsignedOrNull(given)
  if (number !== null) {
    if (number > BigInt(Number.MAX_SAFE_INTEGER)) throw usageError(`offset ${given} is beyond every region`)
    return { offset: Number(number), width: null }
  }
  const register = inRegion === 'config' || inRegion === '7' ? configRegister(given) : undefined
  if (register !== undefined) return register
  const names = inRegion === 'config' ? `; registers are ${registerNames().join(', ')}` : ''
  throw usageError(`offset '${printable(given)}' is not a whole number, decimal or 0x…${names}`)
}

/** Names as in linux/pci_regs.h, in any of the usual spellings: vendor_id, vendorId, PCI_VENDOR_ID. */
function configRegister(given: string): Place | undefined {
  const plain = (name: string): string => name.replace(/[-_]/g, '').toLowerCase()
  const found = Object.entries(configHeader).find(
    ([name, { macro }]) => plain(name) === plain(given) || plain(macro) === plain(given),
  )
  return found?.[1]
}

function registerNames(): string[] {
  return Object.keys(configHeader).map((name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`))
}

/** A value for an access of that width: unsigned, decimal or 0x. */
export function parseValue(given: string, bits: Width): bigint {
  const value = unsignedOrNull(given)
  if (value === null) throw usageError(`value '${printable(given)}' is not a whole number, decimal or 0x…`)
  if (BigInt.asUintN(bits, value) !== value) {
    throw usageError(`value ${given} does not fit ${bits} bits`, bits === 64 ? undefined : `--width ${bits * 2}`)
  }
  return value
}
