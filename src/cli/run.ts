import { globalOptions, splitCommandLine } from './arguments/global-options.ts'
import type { ArgumentTable, Values } from './command/command.ts'
import { commands } from './command/commands.ts'
import { Context, type GlobalOptions } from './command/context.ts'
import type { Io } from './io/io.ts'
import { reportFailure, type Shown } from './output/failure.ts'
import { forSameHost } from './output/same-host.ts'
import { parseArguments } from './parser/parser.ts'
import { aboutOf, withKnownWords } from './parser/synonyms.ts'

/** Runs one command line (without node and script) and gives its exit status. Never ends the process. */
export async function run(argv: readonly string[], io: Io): Promise<number> {
  // Until the options are parsed, what can be seen of them.
  let shown: Shown = { json: argv.includes('--json'), verbose: 0, command: null, mock: null, root: null }
  try {
    if (argv[0] === '--get-yargs-completions') {
      const { complete } = await import('./completion.ts')
      io.out(await complete(argv.slice(1), io))
      return 0
    }
    if (argv[0] === 'mdevctl') {
      const { runMdevctl } = await import('./mdevctl/run-mdevctl.ts')
      return await runMdevctl('mdevctl', argv.slice(1), io)
    }
    const line = splitCommandLine(argv)
    if (line.afterMock !== undefined) {
      const { checkNotMisspelt } = await import('./arguments/misspelt-mock.ts')
      checkNotMisspelt(line.afterMock)
    }
    if (line.word === 'help') {
      const { showHelp } = await import('./help-page.ts')
      if (await showHelp(aboutOf(line), io)) return 0
    }
    const { word, rest, orElse, program = null } = withKnownWords(line)
    const entry = word !== null && Object.hasOwn(commands, word) ? commands[word] : undefined
    if (word === null || entry === undefined) return await explain(word, rest, io)
    shown = { ...shown, command: word }
    const { default: command } = await entry.load()
    shown = { ...shown, json: shown.json || asksJson(command.arguments, rest) }
    const parsed =
      parseArguments(command.arguments, rest) ?? (orElse === null ? null : parseArguments(command.arguments, orElse))
    if (parsed === null) {
      const { explainCommand } = await import('./parser/yargs-program.ts')
      io.out(`${explainCommand(word, command, rest)}\n`)
      return 0
    }
    const options = readGlobals(parsed.values, parsed.verbose)
    shown = { ...options, command: word }
    const told: Io = { ...io, err: (text) => io.err(forSameHost(text, context.givenHost)) }
    const context: Context = new Context(options, told, program)
    try {
      await command.run(parsed.values, context, told)
    } finally {
      shown = { ...shown, ...context.givenHost }
      context.dispose()
    }
    return context.status
  } catch (error) {
    return reportFailure(error, shown, io)
  }
}

/** A line without a known command. One that asks for nothing gets the help as a message, and is not right. */
async function explain(word: string | null, rest: readonly string[], io: Io): Promise<number> {
  const { explainProgram } = await import('./parser/yargs-program.ts')
  if (word === null && rest.every((token) => token.startsWith('--mock') || token === '--json')) {
    for (const line of explainProgram(null, ['--help']).split('\n')) io.err(`${line}\n`)
    return 2
  }
  io.out(`${explainProgram(word, rest)}\n`)
  return 0
}

/** True if a line asks for JSON by the `-o` of a table, before it is parsed. */
function asksJson(table: ArgumentTable, rest: readonly string[]): boolean {
  return Object.hasOwn(table, 'format') && /(^|\0)(-o[\0=]?|--format[\0=])json(\0|$)/.test(rest.join('\0'))
}

function readGlobals(values: Values<ArgumentTable>, verbose: number): GlobalOptions {
  const { mock, root, json, format } = values
  return globalOptions(
    {
      mock: typeof mock === 'string' ? mock : undefined,
      root: typeof root === 'string' ? root : undefined,
      json: json === true || format === 'json',
    },
    verbose,
  )
}
