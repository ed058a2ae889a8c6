import { printable } from '../../base/units.ts'
import { usageError } from '../command/command.ts'

const powers: Readonly<Record<string, number>> = { '': 0, K: 10, M: 20, G: 30, T: 40 }

/** Bytes as people write them, in units of 1024: '32G', '512MiB', '4294967296'. */
export function parseSize(given: string): number {
  const [, digits = '', unit = ''] = /^(\d{1,16})([KMGT]?)(?:iB|B)?$/i.exec(given) ?? []
  const bytes = Number(digits) * 2 ** (powers[unit.toUpperCase()] ?? 0)
  if (digits !== '' && bytes > 0 && Number.isSafeInteger(bytes)) return bytes
  throw usageError(`'${printable(given)}' is not a size, such as 32G or 512M`)
}
