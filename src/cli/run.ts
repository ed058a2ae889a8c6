import type { ArgumentTable, Values } from './command.ts'
import { commands } from './commands.ts'
import { Context } from './context.ts'
import { exitMeanings } from './exit-codes.ts'
import { reportFailure } from './failure.ts'
import type { Io } from './io.ts'
import { type GlobalOptions, globalOptions, splitCommandLine } from './options.ts'
import { parseCommand, parseProgram } from './parser.ts'
import { readVersion } from './version.ts'

/** Runs one command line (without node and script) and gives its exit status. Never ends the process. */
export async function run(argv: readonly string[], io: Io): Promise<number> {
  // Until the options are parsed, what can be seen of them.
  let shown = { json: argv.includes('--json'), verbose: 0 }
  try {
    if (argv[0] === '--get-yargs-completions') {
      const { complete } = await import('./completion.ts')
      io.out(await complete(argv.slice(1), io))
      return 0
    }
    const { word, rest } = splitCommandLine(argv)
    const entry = word !== null && Object.hasOwn(commands, word) ? commands[word] : undefined
    if (word === null || entry === undefined) return showProgram(word, rest, io)
    const { default: command } = await entry.load()
    const version = rest.includes('--version') ? readVersion() : ''
    const parsed = parseCommand(word, entry.summary, command, rest, { version })
    if (parsed.kind === 'text') {
      io.out(`${parsed.text}\n`)
      return 0
    }
    const options = readGlobals(parsed.values, parsed.verbose)
    shown = options
    const context = new Context(options, io)
    try {
      await command.run(parsed.values, context, io)
    } finally {
      context.dispose()
    }
    return 0
  } catch (error) {
    return reportFailure(error, shown, io)
  }
}

function showProgram(word: string | null, rest: readonly string[], io: Io): number {
  const summaries = Object.fromEntries(Object.entries(commands).map(([name, { summary }]) => [name, summary]))
  const texts = {
    version: readVersion(),
    usage:
      'vfioctl COMMAND [ARGUMENT…]\n\nVFIO devices on this host: what there is, from start to stop, and what is inside',
    epilogue,
  }
  const bare = word === null && rest.every((token) => token.startsWith('--mock') || token === '--json')
  const { text } = withText(parseProgram(summaries, word, bare ? ['--help'] : rest, texts))
  if (!bare) {
    io.out(`${text}\n`)
    return 0
  }
  io.err(`${text}\n`)
  return 2
}

function withText(parsed: ReturnType<typeof parseProgram>): { readonly text: string } {
  return parsed.kind === 'text' ? parsed : { text: '' }
}

function readGlobals(values: Values<ArgumentTable>, verbose: number): GlobalOptions {
  const { mock, root, json } = values
  return globalOptions(
    {
      mock: typeof mock === 'string' ? mock : undefined,
      root: typeof root === 'string' ? root : undefined,
      json: json === true,
    },
    verbose,
  )
}

const epilogue = [
  'Exit status:',
  ...Object.entries(exitMeanings).map(([status, meaning]) => `  ${status.padStart(3)}  ${meaning}`),
  '',
  'Try it on a simulated host:',
  '  vfioctl types --mock',
  '  vfioctl start --mock -p mtty -t mtty-2',
].join('\n')
