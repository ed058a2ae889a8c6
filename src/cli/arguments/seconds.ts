import { printable } from '../../base/units.ts'
import { usageError } from '../command.ts'

/** Seconds as people write them ('10', '0.5'), in milliseconds. */
export function parseSeconds(given: string): number {
  const seconds = /^\d{1,6}(\.\d{1,3})?$/.test(given) ? Number(given) : 0
  if (seconds > 0) return Math.round(seconds * 1000)
  throw usageError(`'${printable(given)}' is not a number of seconds above 0, such as 10 or 0.5`)
}
