// Options of ours before a command line that is another's.
import { parseArgs } from 'node:util'

/**
 * Options end at the first word that is none, or after `--`: the rest is the other's, whatever it looks like.
 * @template {import('node:util').ParseArgsOptionsConfig} T
 * @param {string[]} words
 * @param {T} options
 */
export function leadingOptions(words, options) {
  const { tokens } = parseArgs({ args: words, options, allowPositionals: true, strict: false, tokens: true })
  const first = tokens.find((it) => it.kind !== 'option')
  const end = first?.index ?? words.length
  const { values } = parseArgs({ args: words.slice(0, end), options })
  return { values, rest: words.slice(first?.kind === 'option-terminator' ? end + 1 : end) }
}
