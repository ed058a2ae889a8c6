import { escaped } from '../base/units.ts'
import { busNamed } from '../host/bus/bus.ts'
import { readIommuGroups } from '../host/iommu-groups.ts'
import type { HostFiles } from '../kernel/kernel.ts'
import { bestDriver, noDriver } from '../lifecycle/bindings/wanted-driver.ts'
import { readDeviceTypes } from '../lifecycle/kinds/device-types.ts'
import { list } from '../lifecycle/kinds/list.ts'
import { isModule } from '../mock/shipped/load-scenario.ts'
import { globalArguments, splitCommandLine, verbose } from './arguments/global-options.ts'
import type { Argument, ArgumentTable, Completes } from './command/command.ts'
import { commands } from './command/commands.ts'
import { Context, type GlobalOptions } from './command/context.ts'
import { topics } from './help-page.ts'
import type { Io } from './io/io.ts'

interface Candidate {
  readonly value: string
  readonly describe: string
}

interface Line {
  /** The words before the one that is being completed. */
  readonly before: readonly string[]
  readonly current: string
  readonly table: ArgumentTable
  readonly options: GlobalOptions
}

/**
 * Answers the shell's question what could stand for the last of `words`: one candidate a line, as yargs' script asks.
 */
export async function complete(words: readonly string[], io: Io): Promise<string> {
  const typed = words.map(unquoted)
  const before = typed.slice(1, -1)
  const current = typed.at(-1) ?? ''
  try {
    const { word, rest, program } = splitCommandLine(before)
    if (program !== undefined) return ''
    const options = seenOptions(rest)
    if (word === 'help') return shown([...commandCandidates(), ...topicCandidates()], current, io)
    const entry = word !== null && Object.hasOwn(commands, word) ? commands[word] : undefined
    if (word !== null && entry === undefined) return ''
    const table = entry === undefined ? {} : (await entry.load()).default.arguments
    const line = { before: rest, current, table: { ...table, ...globalArguments, verbose }, options }
    const commandNames = entry === undefined && !isOption(current) && valueOption(line) === undefined
    const found = commandNames ? commandCandidates() : await candidates(line, io)
    return shown(found, current, io)
  } catch {
    // A question about a host that cannot be read has no answer; an error would land in the user's command line.
    return ''
  }
}

/** bash hands over words as they are typed. */
function unquoted(word: string): string {
  const inside = /^(['"])([^'"]*)\1?$/.exec(word)?.[2]
  return inside ?? word.replace(/\\(.)/g, '$1')
}

function commandCandidates(): Candidate[] {
  return Object.entries(commands).map(([value, { summary }]) => ({ value, describe: summary }))
}

/** Those that are no commands too. */
function topicCandidates(): Candidate[] {
  const alone = Object.entries(topics).filter(([topic]) => !Object.hasOwn(commands, topic))
  return alone.map(([value, section]) => ({ value, describe: `vfioctl-${value}(${section})` }))
}

async function candidates(line: Line, io: Io): Promise<Candidate[]> {
  const { current, table } = line
  const joined = /^--([^=]+)=/.exec(current)
  if (joined !== null) {
    const argument = table[joined[1] ?? '']
    const values = argument === undefined ? [] : await valuesFor(argument, line, io)
    return values.map(({ value, describe }) => ({ value: `${joined[0]}${value}`, describe }))
  }
  const option = valueOption(line)
  if (option !== undefined) return valuesFor(option, line, io)
  if (isOption(current)) return optionNames(line)
  const positional = nextPositional(line)
  return positional === undefined ? [] : valuesFor(positional, line, io)
}

function isOption(word: string): boolean {
  return word.startsWith('-')
}

/** The option that the word before waits for a value of. */
function valueOption({ before, table }: Pick<Line, 'before' | 'table'>): Argument | undefined {
  const last = before.at(-1) ?? ''
  return Object.entries(table).find(([name, argument]) => isValueOption(argument) && isNamed(last, name, argument))?.[1]
}

function isValueOption({ kind }: Argument): boolean {
  return kind === 'option'
}

function isNamed(word: string, name: string, argument: Argument): boolean {
  return word === `--${name}` || ('alias' in argument && argument.alias !== undefined && word === `-${argument.alias}`)
}

function optionNames({ before, table }: Line): Candidate[] {
  return Object.entries(table)
    .filter(([, { kind }]) => kind === 'option' || kind === 'flag')
    .filter(([name, argument]) => !before.some((word) => isNamed(word.replace(/=.*/, ''), name, argument)))
    .map(([name, { describe }]) => ({ value: `--${name}`, describe }))
}

function nextPositional(line: Line): Argument | undefined {
  const { before, table } = line
  const filled = before.filter((word, index) => {
    return !isOption(word) && valueOption({ before: before.slice(0, index), table }) === undefined
  }).length
  const positionals = Object.values(table).filter(({ kind }) => kind === 'required' || kind === 'optional')
  return positionals[filled] ?? Object.values(table).find(({ kind }) => kind === 'rest')
}

async function valuesFor(argument: Argument, line: Line, io: Io): Promise<Candidate[]> {
  if (!('completes' in argument)) return []
  return hostValues(argument.completes, line, io)
}

async function hostValues(completes: Completes, line: Line, io: Io): Promise<Candidate[]> {
  if (typeof completes === 'object') return completes.map((value) => ({ value, describe: '' }))
  // A question must not run code, as a scenario that is a module would.
  if (completes === 'nothing' || completes === 'file' || isModule(line.options.mock ?? '')) return []
  const context = new Context(line.options, io)
  try {
    const { files } = await context.kernel()
    if (completes === 'parent') return parents(readDeviceTypes(files).types)
    if (completes === 'type') {
      const parent = optionValue(line, 'parent')
      const { types } = readDeviceTypes(files, parent === undefined ? {} : { parent })
      return types.map(({ type, name }) => ({ value: type, describe: name ?? '' }))
    }
    if (completes === 'driver')
      return [bestDriver, noDriver, ...files.list(busNamed('pci').drivers)].map((value) => ({ value, describe: '' }))
    if (completes === 'vfio device' || completes === 'host device') return groupMembers(files, completes)
    const { devices } = list(files, deviceFilters[completes])
    return devices.map(({ name, parent, type }) => ({ value: name, describe: `${type} on ${parent}` }))
  } finally {
    context.dispose()
  }
}

function groupMembers(files: HostFiles, which: 'vfio device' | 'host device'): Candidate[] {
  const devices = readIommuGroups(files).groups.flatMap((group) => group.devices)
  return devices
    .filter((device) => which === 'host device' || device.vfio)
    .map(({ name, driver }) => ({ value: name, describe: driver ?? '' }))
}

const deviceFilters = {
  device: {},
  'active device': { active: true },
  'inactive device': { active: false },
  'defined device': { defined: true },
} as const

function parents(types: readonly { readonly parent: string; readonly type: string }[]): Candidate[] {
  const offered = new Map<string, string[]>()
  for (const { parent, type } of types) offered.set(parent, [...(offered.get(parent) ?? []), type])
  return [...offered].map(([value, of]) => ({ value, describe: of.join(' ') }))
}

function optionValue({ before, table }: Line, name: string): string | undefined {
  const argument = table[name]
  if (argument === undefined) return undefined
  const joined = before.find((word) => word.startsWith(`--${name}=`))
  if (joined !== undefined) return joined.slice(name.length + 3)
  const at = before.findIndex((word) => isNamed(word, name, argument))
  return at < 0 ? undefined : before[at + 1]
}

/** The global options as far as they are typed. */
function seenOptions(before: readonly string[]): GlobalOptions {
  const line = {
    before,
    current: '',
    table: globalArguments,
    options: { mock: null, root: null, json: false, verbose: 0 },
  }
  return { ...line.options, mock: optionValue(line, 'mock') ?? null, root: optionValue(line, 'root') ?? null }
}

/**
 * bash takes bare values; zsh takes 'value:description', with the value's own colons escaped; fish takes a tab between
 * them. What nobody could type is left out.
 */
function shown(found: readonly Candidate[], current: string, io: Io): string {
  const shell = io.env['SHELL']?.split('/').at(-1)
  return found
    .filter(({ value }) => value.startsWith(current) && escaped(value) === value)
    .map((it) => `${lineFor(shell, it)}\n`)
    .join('')
}

function lineFor(shell: string | undefined, { value, describe }: Candidate): string {
  if (shell === 'zsh') return `${value.replace(/[\\:]/g, '\\$&')}:${escaped(describe)}`
  return shell === 'fish' ? `${value}\t${escaped(describe)}` : value
}
