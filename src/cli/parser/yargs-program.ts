import type { Argv } from 'yargs'
import { VfioError } from '../../base/errors.ts'
import { printable } from '../../base/units.ts'
import { globalArguments, verbose } from '../arguments/global-options.ts'
import { type Argument, type ArgumentTable, type Command, type Example, usageError } from '../command/command.ts'
import { commands } from '../command/commands.ts'
import { exitMeanings } from '../command/exit-codes.ts'
import { readVersion } from '../command/version.ts'
import { parseWords, yargsParser } from './full-yargs.ts'
import { aliases, countWords, namesOf } from './parser.ts'
import { rightVerb } from './synonyms.ts'
import { usageMessage } from './usage-message.ts'

const usage = `vfioctl COMMAND [ARGUMENT…]

Mediated devices, vGPUs and VFIO on this host: create and bind devices, and open them`

const epilogue = `\
Exit status:
${Object.entries(exitMeanings)
  .map(([status, meaning]) => `  ${status.padStart(3)}  ${meaning}`)
  .join('\n')}

Try it on a simulated host:
  vfioctl types --mock
  vfioctl start --mock -p mtty -t mtty-2

The manual: vfioctl help, vfioctl help COMMAND, vfioctl help spec, vfioctl help library

mdevctl’s own command line, for scripts and libvirt: vfioctl mdevctl …, or a link named mdevctl or lsmdev`

/** The text that a command's line asks for (help, version); throws INVALID_ARGUMENT that says what is wrong with it. */
export function explainCommand(name: string, command: Command, argv: readonly string[]): string {
  const own = command.arguments
  const positionals = Object.entries(own).filter(([, { kind }]) => kind !== 'option' && kind !== 'flag')
  const summary = commands[name]?.summary ?? ''
  const parser = programWith(`vfioctl ${name}`, { ...own, ...globalArguments })
    .command(
      ['$0', ...positionals.map(shownPositional)].join(' '),
      summary,
      (builder) => describe(builder, own, command.examples),
      () => {},
    )
    .epilogue(command.epilogue ?? '')
    .version(readVersion())
  const needed = positionals
    .slice(countWords(own, argv))
    .filter(([, { kind }]) => kind === 'required')
    .map(shownPositional)
  const text = textOf(parser, argv, `vfioctl ${name} --help`, needed)
  // yargs knows no words after '--'
  return command.program === undefined ? text : text.replace(/^vfioctl .*$/m, `$& ${command.program}`)
}

/** The same for a line without a command, or with one that is not known: then the message says what is nearest. */
export function explainProgram(word: string | null, argv: readonly string[]): string {
  const parser = describe(programWith('vfioctl', globalArguments), {}, [])
    .usage(usage)
    .epilogue(epilogue)
    .version(readVersion())
    .demandCommand(1, 'which command?')
    .recommendCommands()
  for (const [name, { summary }] of Object.entries(commands)) parser.command(name, summary, {}, () => {})
  try {
    return textOf(parser, word === null ? argv : [word], 'vfioctl --help')
  } catch (error) {
    if (word === null || !(error instanceof VfioError)) throw error
    const verb = rightVerb(word)
    const nearest = verb ?? /did you mean .*$/.exec(error.message)?.[0]
    const question = nearest === undefined ? '' : `; ${nearest}`
    throw usageError(`unknown command '${printable(word)}'${question}`, 'vfioctl --help')
  }
}

function programWith(name: string, table: ArgumentTable): Argv {
  const withValue = namesOf(table, 'option')
  return yargsParser(name)
    .string(withValue)
    .nargs(Object.fromEntries(withValue.map((option) => [option, 1])))
    .boolean(namesOf(table, 'flag'))
    .count('verbose')
    .alias(aliases(table))
}

function describe<T>(parser: Argv<T>, own: ArgumentTable, examples: readonly Example[]): Argv<T> {
  for (const [name, argument] of Object.entries({ ...own, ...globalArguments, verbose })) {
    const { kind, describe } = argument
    if (kind === 'option') parser.describe(name, `${argument.value}: ${describe}`)
    else if (kind === 'flag') parser.describe(name, describe)
    else parser.positional(name, { type: 'string', describe })
  }
  return parser
    .group([...namesOf(own, 'option'), ...namesOf(own, 'flag')], 'Options:')
    .group([...Object.keys(globalArguments), 'verbose', 'help', 'version'], 'Global options:')
    .example(examples.map(([line, what]): [string, string] => [line, what]))
}

function shownPositional([name, { kind }]: [string, Argument]): string {
  if (kind === 'required') return `<${name}>`
  if (kind === 'optional') return `[${name}]`
  return `[${name}..]`
}

/** The text that yargs would print; INVALID_ARGUMENT if it has none to print for this line. */
function textOf(parser: Argv, argv: readonly string[], hint: string, needed: readonly string[] = []): string {
  let text: string
  try {
    text = parseWords(parser, argv).text
  } catch (error) {
    if (!(error instanceof VfioError)) throw error
    throw usageError(usageMessage(error.message, argv, needed), hint)
  }
  if (text === '') throw usageError('this command line cannot be read', hint)
  return text
}
