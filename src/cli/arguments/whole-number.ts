import { printable, unsignedOrNull } from '../../base/units.ts'
import { usageError } from '../command.ts'

/** Parses a whole number from 0, decimal or 0x; `what` begins the message. */
export function wholeNumber(what: string, highest: number): (given: string) => number {
  return (given) => {
    const value = unsignedOrNull(given)
    if (value === null) throw usageError(`${what} '${printable(given)}' is not a whole number, decimal or 0x…`)
    if (value > BigInt(highest)) throw usageError(`${what} ${printable(given)} is above ${highest}`)
    return Number(value)
  }
}
