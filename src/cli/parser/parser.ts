import { Parser } from 'yargs/helpers'
import { globalArguments, verbose } from '../arguments/global-options.ts'
import { type Argument, type ArgumentTable, usageError, type Values } from '../command/command.ts'

/** A command line that is plain to read. */
export interface Parsed {
  readonly values: Values<ArgumentTable>
  /** Number of times that -v was given. */
  readonly verbose: number
}

/**
 * yargs finds the tokens; values are ours to parse, since yargs takes '12e3' for 12000 and rounds 64-bit numbers. Its
 * tokenizer alone reads a command line that is right. If something is unknown or missing, or help is asked for, the
 * answer is null, and all of yargs is loaded to say so (`yargs-program.ts`). This file is the one place where yargs'
 * untyped values come in.
 */
export function parseArguments(own: ArgumentTable, argv: readonly string[]): Parsed | null {
  const table: ArgumentTable = { ...own, ...globalArguments }
  const { argv: found, error } = tokens(table, argv)
  const { _: words, verbose: said, ...options } = found
  if (error !== null || !Object.keys(options).every((name) => Object.hasOwn(table, name))) return null
  const positionals = positionalValues(own, words.map(String))
  if (positionals === null) return null
  return { values: readValues(table, { ...options, ...positionals }), verbose: typeof said === 'number' ? said : 0 }
}

/** Number of words in a line that are neither options nor their values. */
export function countWords(own: ArgumentTable, argv: readonly string[]): number {
  return tokens({ ...own, ...globalArguments }, argv).argv._.length
}

function tokens(table: ArgumentTable, argv: readonly string[]): ReturnType<typeof Parser.detailed> {
  const withValue = namesOf(table, 'option')
  return Parser.detailed([...argv], {
    string: withValue,
    narg: Object.fromEntries(withValue.map((name) => [name, 1])),
    boolean: [...namesOf(table, 'flag'), 'help'],
    count: ['verbose'],
    alias: aliases(table),
    configuration: parserConfiguration,
  })
}

/** yargs-parser's settings: words stay words, and nothing is negated or split. */
export const parserConfiguration: Readonly<Record<string, boolean>> = {
  'parse-numbers': false,
  'parse-positional-numbers': false,
  'camel-case-expansion': false,
  'dot-notation': false,
  'boolean-negation': false,
  'strip-aliased': true,
}

/** The names of a table's arguments of one kind. */
export function namesOf(table: ArgumentTable, kind: Argument['kind']): string[] {
  return Object.keys(table).filter((name) => table[name]?.kind === kind)
}

/** Short names by long name, -h and -v among them. */
export function aliases(table: ArgumentTable): Record<string, string[]> {
  const found: Record<string, string[]> = { help: ['h'] }
  for (const [name, argument] of Object.entries({ ...table, verbose })) {
    if ('alias' in argument && argument.alias !== undefined) found[name] = [argument.alias]
  }
  return found
}

/** The words by the names of the positionals; null if there are too few or too many. */
function positionalValues(own: ArgumentTable, words: readonly string[]): Record<string, string | string[]> | null {
  const rest = [...words]
  const values: Record<string, string | string[]> = {}
  for (const [name, { kind }] of Object.entries(own)) {
    if (kind === 'rest') values[name] = rest.splice(0)
    if (kind !== 'required' && kind !== 'optional') continue
    const word = rest.shift()
    if (word !== undefined) values[name] = word
    else if (kind === 'required') return null
  }
  return rest.length > 0 ? null : values
}

function readValues(table: ArgumentTable, found: Readonly<Record<string, unknown>>): Values<ArgumentTable> {
  const values: Record<string, unknown> = {}
  for (const [name, argument] of Object.entries(table)) values[name] = readValue(name, argument, found[name])
  return values as Values<ArgumentTable>
}

function readValue(name: string, argument: Argument, value: unknown): unknown {
  if (argument.kind === 'rest') {
    return Array.isArray(value) ? value.map((one: unknown) => argument.parse(String(one))) : []
  }
  if (Array.isArray(value)) throw usageError(`--${name} is given ${value.length} times`)
  if (argument.kind === 'flag') return value === true
  return value === undefined ? undefined : argument.parse(String(value))
}
