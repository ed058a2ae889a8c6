import { printable } from '../../base/units.ts'
import { usageError } from '../command/command.ts'

/** A flag as far as the words of a line are concerned: its one letter, and whether it has a value. */
interface Flag {
  readonly short?: string
  readonly value?: string
}

/**
 * Every flag in its one long form, with its value attached: '-dpX', '-d -p=X' and '--defined --parent X' are alike.
 * Throws as mdevctl does for a switch with a value, a value that begins with a dash and is not attached, a flag given
 * twice, and a word behind '--' if `operands` are none. What is no flag otherwise is left as it is.
 */
export function inLongForm(
  words: readonly string[],
  flags: Readonly<Record<string, Flag>>,
  operands: boolean,
): string[] {
  const seen = new Set<string>()
  const long: string[] = []
  const rest = [...words]
  const give = (name: string, value: string | null) => {
    if (seen.has(name)) throw usageError(`--${name} is given more than once`)
    seen.add(name)
    if (flags[name]?.value === undefined) {
      if (value !== null) throw usageError(`--${name} takes no value, and is given '${printable(value)}'`)
      long.push(`--${name}`)
      return
    }
    const next = value ?? rest.shift()
    if (next === undefined || (value === null && /^-./.test(next))) throw usageError(`--${name} needs a value`)
    long.push(`--${name}=${next}`)
  }
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === '--') {
      const [extra] = rest
      if (extra !== undefined && !operands) throw usageError(`'${printable(extra)}' is too much`)
      return [...long, word, ...rest]
    }
    const [, name, value] = /^--([^=]+)(?:=(.*))?$/s.exec(word) ?? []
    if (name !== undefined && Object.hasOwn(flags, name)) give(name, value ?? null)
    else if (!/^-[^-]/.test(word) || !giveLetters(word.slice(1), flags, give)) long.push(word)
  }
  return long
}

/**
 * Letters of switches, the last perhaps with a value: 'dp=X'. False, with nothing done, if the first is none of ours.
 */
function giveLetters(
  letters: string,
  flags: Readonly<Record<string, Flag>>,
  give: (name: string, value: string | null) => void,
): boolean {
  const nameOf = (letter: string) => Object.keys(flags).find((name) => flags[name]?.short === letter)
  for (const [index, letter] of [...letters].entries()) {
    const name = nameOf(letter)
    if (name === undefined) {
      if (index === 0) return false
      throw usageError(`there is no -${printable(letter)}, in '-${printable(letters)}'`)
    }
    const attached = [...letters].slice(index + 1).join('')
    if (flags[name]?.value !== undefined) {
      give(name, attached === '' ? null : attached.replace(/^=/, ''))
      return true
    }
    if (attached.startsWith('=')) give(name, attached.slice(1))
    give(name, null)
  }
  return true
}
