import { bytesOrNull, printable, unsignedOrNull } from '../../base/units.ts'
import { usageError } from '../command/command.ts'

/** Parses a whole number from `lowest`, decimal or 0x; `what` begins the message. */
export function wholeNumber(what: string, highest: number, lowest = 0): (given: string) => number {
  return (given) => {
    const value = unsignedOrNull(given)
    if (value === null) throw usageError(`${what} '${printable(given)}' is not a whole number, decimal or 0x…`)
    if (value < BigInt(lowest)) throw usageError(`${what} ${printable(given)} is below ${lowest}`)
    if (value > BigInt(highest)) throw usageError(`${what} ${printable(given)} is above ${highest}`)
    return Number(value)
  }
}

/** Nobody means fewer bytes by a number alone. */
const fewestBytes = 2 ** 20

/**
 * Bytes as people write them, in units of 1024: '32G', '512MiB', '4294967296'; '32' is refused, for it lacks its unit.
 */
export function parseSize(given: string): number {
  const bytes = bytesOrNull(given)
  if (bytes !== null && bytes < fewestBytes && /^\d+$/.test(given)) {
    throw usageError(`'${given}' lacks its unit: ${given}G or ${given}M, or ${given}B for bytes`)
  }
  if (bytes !== null) return bytes
  throw usageError(`'${printable(given)}' is not a size, such as 32G or 512M`)
}

/** Seconds as people write them ('10', '0.5'), in milliseconds. */
export function parseSeconds(given: string): number {
  const seconds = /^\d{1,6}(\.\d{1,3})?$/.test(given) ? Number(given) : 0
  if (seconds > 0) return Math.round(seconds * 1000)
  throw usageError(`'${printable(given)}' is not a number of seconds above 0, such as 10 or 0.5`)
}

/** MSI-X has no more. */
const maxVectors = 2048

/** '0-3,8' as [0, 1, 2, 3, 8]: sorted, each once. */
export function parseVectors(given: string): number[] {
  const found = new Set<number>()
  for (const part of given.split(',')) {
    const [, first, last = first] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part) ?? []
    const [from, to] = [Number(first), Number(last)]
    if (first === undefined || to < from || to >= maxVectors) {
      throw usageError(`'${printable(given)}' is not a list of vectors, such as 0 or 0-3,8, below ${maxVectors}`)
    }
    for (let vector = from; vector <= to; vector++) found.add(vector)
  }
  return [...found].sort((a, b) => a - b)
}
