import { bytesOrNull, printable } from '../../base/units.ts'
import { usageError } from '../command/command.ts'

/** Bytes as people write them, in units of 1024: '32G', '512MiB', '4294967296'. */
export function parseSize(given: string): number {
  const bytes = bytesOrNull(given)
  if (bytes !== null) return bytes
  throw usageError(`'${printable(given)}' is not a size, such as 32G or 512M`)
}
