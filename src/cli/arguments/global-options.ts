import { printable } from '../../base/units.ts'
import { isScenarioName, scenarioNames } from '../../mock/shipped/names.ts'
import { type Flag, type Option, text, usageError } from '../command/command.ts'
import type { GlobalOptions } from '../command/context.ts'

/** The simulated host of a bare `--mock`. */
export const defaultMock = 'demo'

/** `--verbose`: more columns, or the stack of an error. */
export const verbose: Flag = {
  kind: 'flag',
  alias: 'v',
  describe: 'Print more; given twice, also the stack of an unexpected error',
}

/** The options that every command takes. */
export const globalArguments: { readonly mock: Option<string>; readonly root: Option<string>; readonly json: Flag } = {
  mock: {
    kind: 'option',
    value: 'NAME|FILE',
    completes: Object.keys(scenarioNames),
    parse: text,
    describe: `Work on a simulated host (${Object.keys(scenarioNames).join(', ')}, or a scenario file) instead of this one`,
  },
  root: {
    kind: 'option',
    value: 'DIR',
    completes: 'file',
    parse: text,
    describe: 'Use the host’s files below DIR instead of those below /',
  },
  json: { kind: 'flag', describe: 'Print data as JSON on stdout, and an error as one JSON object on stderr' },
}

/** Shared by every command that changes something. */
export const dryRun: Flag = { kind: 'flag', describe: 'Print the exact writes and make none' }

/** The command line with the command's own word taken out, and `--mock` always with its value. */
export interface SplitCommandLine {
  readonly word: string | null
  readonly rest: readonly string[]
  /** The same if `--mock` took a word that the command may need: that word is the command's. */
  readonly orElse: readonly string[] | null
  /** The word after a bare `--mock`, if that does not take it: it may be a name of a simulated host, misspelt. */
  readonly afterMock?: string
  /** The words after `--`, for a command that runs them; undefined for any other, or if there is no `--`. */
  readonly program?: readonly string[]
}

/** The commands that take a program's command line after `--`. */
const runners: readonly (string | null)[] = ['run']

/**
 * Finds the command among global options. A bare `--mock` takes the word after it only if that word is a shipped
 * scenario, so that `vfioctl --mock list` lists; or if it ends as a scenario file does and the command has all that it
 * needs without it, so that `vfioctl apply --mock spec.json` applies that file.
 */
export function splitCommandLine(argv: readonly string[]): SplitCommandLine {
  const rest: string[] = []
  /** Index in `rest` of a `--mock` with a file, and the file. */
  let taken: readonly [at: number, file: string] | null = null
  let word: string | null = null
  let afterMock: string | null = null
  const split = (more: readonly string[]): SplitCommandLine => {
    const orElse = taken === null ? null : [...rest.with(taken[0], `--mock=${defaultMock}`), ...more]
    if (taken !== null) orElse?.splice(taken[0] + 1, 0, taken[1])
    return { word, rest: [...rest, ...more], orElse, ...(afterMock === null ? {} : { afterMock }) }
  }
  for (let i = 0; i < argv.length; i++) {
    const token = argv[i] ?? ''
    const next = argv[i + 1]
    if (token === '--' && runners.includes(word)) return { ...split([]), program: argv.slice(i + 1) }
    if (token === '--') return split(argv.slice(i + 1).map(plainArgument))
    if (token === '--mock') {
      const named = next !== undefined && namesScenario(next)
      rest.push(`--mock=${named ? next : defaultMock}`)
      if (named && !isScenarioName(next)) taken = [rest.length - 1, next]
      if (named) i++
      else if (next !== undefined && !next.startsWith('-')) afterMock = next
    } else if (token === '--root' && word === null) {
      rest.push(token)
      if (next !== undefined) rest.push(next)
      i++
    } else if (word === null && !token.startsWith('-')) {
      word = token
    } else {
      rest.push(token)
    }
  }
  return split([])
}

/** After `--`. No command has an argument that begins with '-', and yargs passes over what stands there. */
function plainArgument(token: string): string {
  if (!/^-(?!\d)/.test(token)) return token
  throw usageError(`unexpected argument '${printable(token)}'`, 'vfioctl --help')
}

function namesScenario(next: string): boolean {
  return isScenarioName(next) || (/\.(json|[cm]?[jt]s)$/.test(next) && !next.startsWith('-'))
}

/** The global options as parsed; INVALID_ARGUMENT if two exclude each other. */
export function globalOptions(
  values: { readonly mock: string | undefined; readonly root: string | undefined; readonly json: boolean },
  verbose: number,
): GlobalOptions {
  if (values.mock !== undefined && values.root !== undefined) {
    throw usageError('--mock and --root exclude each other', '--mock simulates the whole host, files and all')
  }
  if (values.mock === '') throw usageError('--mock= needs a name or a file')
  if (values.root === '') throw usageError('--root needs a directory')
  return { mock: values.mock ?? null, root: values.root ?? null, json: values.json, verbose }
}
