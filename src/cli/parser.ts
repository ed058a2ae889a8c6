import yargs, { type Argv } from 'yargs'
import { VfioError } from '../errors.ts'
import { printable } from '../units.ts'
import type { Argument, ArgumentTable, Command, Example, Values } from './command.ts'
import { text, usageError } from './command.ts'
import { globalArguments, verbose } from './options.ts'
import { usageMessage } from './usage-message.ts'

/** What a command line asked for: values to run with, or text (help, version) to show. */
export type Parsed =
  | { readonly kind: 'values'; readonly values: Values<ArgumentTable>; readonly verbose: number }
  | { readonly kind: 'text'; readonly text: string }

interface Texts {
  readonly version: string
  readonly usage?: string
  readonly epilogue?: string
}

/**
 * yargs finds the tokens, the unknown and the missing; values are ours to parse, since yargs takes '12e3' for 12000
 * and rounds 64-bit numbers. This file is the one place where yargs' untyped values come in.
 */
export function parseCommand(
  name: string,
  summary: string,
  command: Command,
  argv: readonly string[],
  texts: Texts,
): Parsed {
  const own = command.arguments
  const all: ArgumentTable = { ...own, ...globalArguments }
  const positionals = Object.entries(own).filter(([, { kind }]) => kind !== 'option' && kind !== 'flag')
  let found: Record<string, unknown> | null = null
  // As its default command: for a named one yargs lays out the whole help each time.
  const parser = bareParser(`vfioctl ${name}`, texts, all).command(
    ['$0', ...positionals.map(shownPositional)].join(' '),
    summary,
    (builder) => {
      if (asksForHelp(argv)) describe(builder, own, command.examples)
    },
    (values) => {
      found = values
    },
  )
  const needed = positionals.filter(([, { kind }]) => kind === 'required').map(shownPositional)
  const shown = parse(parser, argv, `vfioctl ${name} --help`, needed)
  if (found === null) return { kind: 'text', text: shown }
  return { kind: 'values', values: readValues(all, found), verbose: counted(found['verbose']) }
}

/** For a command line without a known command: the help of all, or an error that says what is nearest. */
export function parseProgram(
  summaries: Readonly<Record<string, string>>,
  word: string | null,
  argv: readonly string[],
  texts: Texts,
): Parsed {
  const parser = bareParser('vfioctl', texts, globalArguments)
  parser.demandCommand(1, 'which command?').recommendCommands()
  for (const [name, summary] of Object.entries(summaries)) parser.command(name, summary, {}, () => {})
  if (asksForHelp(argv)) describe(parser, {}, [])
  try {
    return { kind: 'text', text: parse(parser, word === null ? argv : [word], 'vfioctl --help') }
  } catch (error) {
    if (word === null || !(error instanceof VfioError)) throw error
    const nearest = /did you mean .*$/.exec(error.message)
    const question = nearest === null ? '' : `; ${nearest[0]}`
    throw usageError(`unknown command '${printable(word)}'${question}`, 'vfioctl --help')
  }
}

/** A parser that knows what is an option and which take a value, told in few calls: each costs, at every start. */
function bareParser(name: string, { version, usage, epilogue }: Texts, table: ArgumentTable): Argv {
  const withValue = namesOf(table, 'option')
  const parser = yargs([])
    .scriptName(name)
    .locale('en')
    .version(version)
    .exitProcess(false)
    .strict()
    .parserConfiguration({
      'parse-numbers': false,
      'parse-positional-numbers': false,
      'camel-case-expansion': false,
      'dot-notation': false,
      'boolean-negation': false,
      'strip-aliased': true,
    })
    .fail((message, error) => {
      throw usageError(message ?? error.message)
    })
    .string(withValue)
    .nargs(Object.fromEntries(withValue.map((option) => [option, 1])))
    .boolean(namesOf(table, 'flag'))
    .count('verbose')
    .alias({ help: 'h', verbose: 'v', ...aliases(table) })
  if (usage !== undefined) parser.usage(usage)
  return epilogue === undefined ? parser : parser.epilogue(epilogue)
}

function namesOf(table: ArgumentTable, kind: Argument['kind']): string[] {
  return Object.entries(table).flatMap(([name, argument]) => (argument.kind === kind ? [name] : []))
}

function aliases(table: ArgumentTable): Record<string, string> {
  const found: Record<string, string> = {}
  for (const [name, argument] of Object.entries(table)) {
    if ('alias' in argument && argument.alias !== undefined) found[name] = argument.alias
  }
  return found
}

function asksForHelp(argv: readonly string[]): boolean {
  return argv.some((token) => token === '--help' || /^-[a-z]*h/.test(token))
}

/** What only help needs to know. */
function describe<T>(parser: Argv<T>, own: ArgumentTable, examples: readonly Example[]): void {
  for (const [name, argument] of Object.entries({ ...own, ...globalArguments, verbose })) {
    const { kind, describe } = argument
    if (kind === 'option') parser.describe(name, `${argument.value}: ${describe}`)
    else if (kind === 'flag') parser.describe(name, describe)
    else parser.positional(name, { type: 'string', describe })
  }
  parser
    .group([...namesOf(own, 'option'), ...namesOf(own, 'flag')], 'Options:')
    .group([...Object.keys(globalArguments), 'verbose', 'help', 'version'], 'Global options:')
    .wrap(null)
    .example(examples.map(([line, what]): [string, string] => [line, what]))
}

function shownPositional([name, { kind }]: [string, Argument]): string {
  if (kind === 'required') return `<${name}>`
  if (kind === 'optional') return `[${name}]`
  return `[${name}..]`
}

function parse(parser: Argv, argv: readonly string[], hint: string, needed: readonly string[] = []): string {
  let shown = ''
  try {
    parser.parse([...argv], {}, (_error: unknown, _values: unknown, output: string) => {
      shown = output
    })
  } catch (error) {
    if (!(error instanceof VfioError)) throw error
    throw usageError(usageMessage(error.message, argv, needed), hint)
  }
  return shown
}

function readValues(table: ArgumentTable, found: Readonly<Record<string, unknown>>): Values<ArgumentTable> {
  const values: Record<string, unknown> = {}
  for (const [name, argument] of Object.entries(table)) values[name] = readValue(name, argument, found[name])
  return values as Values<ArgumentTable>
}

function readValue(name: string, argument: Argument, value: unknown): unknown {
  if (argument.kind === 'rest') {
    return Array.isArray(value) ? value.map((one: unknown) => argument.parse(text(String(one)))) : []
  }
  if (Array.isArray(value)) throw usageError(`--${name} is given ${value.length} times`)
  if (argument.kind === 'flag') return value === true
  return value === undefined ? undefined : argument.parse(String(value))
}

function counted(value: unknown): number {
  return typeof value === 'number' ? value : 0
}

/** yargs' own script; it asks `vfioctl --get-yargs-completions`, which is answered in `completion.ts`. */
export function completionScript(shell: 'bash' | 'zsh'): string {
  // yargs takes the shell's kind from there, now and at each question.
  process.env['SHELL'] = shell
  const script = parse(yargs([]).scriptName('vfioctl').exitProcess(false).completion('completion'), ['completion'], '')
  const asking = script.replaceAll('vfioctl --get-yargs-completions', `SHELL=${shell} vfioctl --get-yargs-completions`)
  if (shell === 'zsh') return `${asking}\n`
  // PCI addresses hold colons, options may hold '=': both are parts of a word here.
  return `COMP_WORDBREAKS=\${COMP_WORDBREAKS//[:=]/}\n${asking}\n`
}
