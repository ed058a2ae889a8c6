import { printable } from '../../base/units.ts'
import { usageError } from '../command.ts'

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
