import { printable } from '../../base/units.ts'

/** yargs' sentence about a command line, as this tool says it. `argv` shows how a name was written. */
export function usageMessage(sentence: string, argv: readonly string[], needed: readonly string[]): string {
  const unknown = /^Unknown arguments?: (.*)$/s.exec(sentence)
  if (unknown !== null) return unknownArguments((unknown[1] ?? '').split(', '), argv)
  const valueless = /^Not enough arguments following: (.*)$/s.exec(sentence)
  if (valueless !== null) return `${asWritten(valueless[1] ?? '', argv)} needs a value`
  if (/^Not enough non-option arguments/.test(sentence)) return `arguments are missing: ${needed.join(' ')}`
  const nearest = /^Did you mean (.*)\?$/s.exec(sentence)
  if (nearest !== null) return `did you mean '${nearest[1]}'?`
  return printable(sentence.replaceAll('\n', ' '))
}

function unknownArguments(names: readonly string[], argv: readonly string[]): string {
  const written = [...new Set(names.map((name) => asWritten(name, argv)))]
  const options = written.every((word) => word.startsWith('-'))
  if (options) return `unknown ${written.length === 1 ? 'option' : 'options'} ${written.join(', ')}`
  return `unexpected ${written.length === 1 ? 'argument' : 'arguments'} ${written.map((word) => `'${word}'`).join(', ')}`
}

/** 'foo' as '--foo' if the command line has it so. */
function asWritten(name: string, argv: readonly string[]): string {
  const written = argv.find((token) => token.replace(/^-+/, '').replace(/=.*/s, '') === name)
  const plain = written?.replace(/=.*/s, '') ?? (name.length === 1 ? `-${name}` : name)
  return printable(plain)
}
