import type { Argv } from 'yargs'
import { printable, uuidOrNull } from '../../base/units.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { usageError } from '../command/command.ts'
import { readVersion } from '../command/version.ts'
import type { Io } from '../io/io.ts'
import { parseWords, yargsParser } from '../parser/full-yargs.ts'
import { inLongForm } from './words.ts'

/** Arguments of a subcommand: the kernel, its flags, and the outputs for its words. */
export interface MdevctlCall {
  readonly kernel: Kernel
  readonly line: MdevctlLine
  readonly io: Io
  readonly said: (text: string) => void
}

/** mdevctl 1.4.0's flags, each with what follows from it. A flag without `value` is a switch. */
interface Flag {
  readonly short?: string
  readonly value?: string
  readonly describe: string
  readonly conflicts?: readonly string[]
  /** The flag that must be given with it. */
  readonly implies?: string
}

interface Subcommand {
  readonly summary: string
  readonly flags: Readonly<Record<string, Flag>>
  /** Of each of these lists, at least one flag must be there. */
  readonly oneOf?: readonly (readonly string[])[]
  /** Of this list, at most one may be. */
  readonly atMostOne?: readonly string[]
  readonly hidden?: true
}

const force: Flag = { short: 'f', describe: 'Go on although a callout script of the device’s type refuses' }
const uuid: Flag = { short: 'u', value: 'UUID', describe: 'The device' }
const parent: Flag = { short: 'p', value: 'PARENT', describe: 'The parent device' }
const type: Flag = { short: 't', value: 'TYPE', describe: 'The mdev type' }
const jsonfile: Flag = { value: 'FILE', describe: 'Take the device’s details from a JSON file' }
const dumpjson: Flag = { describe: 'Print JSON' }

const listFlags = {
  defined: { short: 'd', describe: 'Show defined devices, not running ones' },
  dumpjson,
  verbose: { short: 'v', describe: 'Show attributes too' },
  uuid,
  parent,
} as const

/** Flags of `modify` that say how the definition changes: exactly one is given. */
const modifications = ['auto', 'manual', 'addattr', 'delattr', 'jsonfile']

const subcommands: Readonly<Record<string, Subcommand>> = {
  define: {
    summary: 'Define a persistent mediated device',
    flags: {
      uuid,
      auto: { short: 'a', describe: 'Start it when its parent appears' },
      parent,
      type,
      jsonfile: { ...jsonfile, conflicts: ['type', 'auto'] },
      force,
    },
    oneOf: [['uuid', 'parent']],
  },
  undefine: { summary: 'Remove a definition', flags: { uuid, parent, force }, oneOf: [['uuid']] },
  modify: {
    summary: 'Modify the definition of a mediated device',
    flags: {
      uuid,
      parent,
      type,
      addattr: { value: 'NAME', implies: 'value', describe: 'Add an attribute' },
      delattr: { describe: 'Remove an attribute' },
      index: { short: 'i', value: 'INDEX', describe: 'The attribute’s place in the list; the last if not given' },
      value: { value: 'VALUE', conflicts: ['delattr'], implies: 'addattr', describe: 'What --addattr writes' },
      auto: { short: 'a', conflicts: ['index', 'value'], describe: 'Start it when its parent appears' },
      manual: { short: 'm', conflicts: ['index', 'value'], describe: 'Start it on demand' },
      live: {
        short: 'l',
        conflicts: ['type', 'index', 'value'],
        implies: 'jsonfile',
        describe: 'Modify the running device, by its callout script',
      },
      defined: { short: 'd', describe: 'Modify the stored definition' },
      jsonfile: { ...jsonfile, conflicts: ['type', 'index', 'value', 'addattr'] },
      force,
    },
    oneOf: [['uuid'], modifications],
    atMostOne: modifications,
  },
  start: {
    summary: 'Start a mediated device',
    flags: { uuid, parent, type, jsonfile: { ...jsonfile, conflicts: ['type'] }, force },
    oneOf: [['uuid', 'parent']],
  },
  stop: { summary: 'Stop a mediated device', flags: { uuid, force }, oneOf: [['uuid']] },
  list: { summary: 'List mediated devices', flags: listFlags },
  types: { summary: 'List the available mdev types', flags: { parent, dumpjson } },
  'start-parent-mdevs': { summary: 'Start what is defined to start with its parent', flags: {}, hidden: true },
}

/** A line that is right: its subcommand and flags. */
export interface MdevctlLine {
  readonly command: string
  /** Switches that were given, and values by their flags. */
  readonly has: (name: string) => boolean
  readonly value: (name: string) => string | undefined
  /** The word behind `start-parent-mdevs`. */
  readonly operand: string
}

/**
 * Reads what `mdevctl` or `lsmdev` was given. Text instead of a line if help or the version was asked for: that wins
 * over whatever is wrong beside it, as libvirt relies on. INVALID_ARGUMENT for the rest.
 */
export function parseMdevctl(program: 'mdevctl' | 'lsmdev', argv: readonly string[]): MdevctlLine | { text: string } {
  const name =
    program === 'lsmdev' ? 'list' : argv[0] !== undefined && Object.hasOwn(subcommands, argv[0]) ? argv[0] : null
  const subcommand = name === null ? undefined : subcommands[name]
  if (name === null || subcommand === undefined) return explainAll(argv)
  const asksForHelp = argv.some((word) => word === '--help' || word === '-h')
  const shown = program === 'lsmdev' ? 'lsmdev' : `mdevctl ${name}`
  const hasOperand = name === 'start-parent-mdevs'
  const parser = flagsOn(base(shown), subcommand.flags).command(
    hasOperand ? '$0 <parent-device>' : '$0',
    subcommand.summary,
  )
  const words = program === 'lsmdev' ? argv : argv.slice(1)
  if (name !== 'list') parser.version(false)
  const { values, text } = parseWords(
    parser,
    asksForHelp ? ['--help'] : inLongForm(words.map(longVersion), subcommand.flags, hasOperand),
  )
  if (text !== '') return { text: `${text}\n` }
  checkValues(subcommand, values)
  return {
    command: name,
    has: (flag) => values[flag] !== undefined,
    value: (flag) => textOrUndefined(values[flag]),
    operand: textOrUndefined(values['parent-device']) ?? '',
  }
}

function explainAll([first, ...rest]: readonly string[]): MdevctlLine | { text: string } {
  const [topic] = rest
  if (first === 'help' && topic !== undefined && Object.hasOwn(subcommands, topic)) {
    return parseMdevctl('mdevctl', [topic, '--help'])
  }
  const isHelp = first === 'help' && topic === undefined
  const words = first === undefined ? [] : [isHelp ? '--help' : longVersion(first), ...rest]
  const parser = base('mdevctl').usage(
    'mdevctl COMMAND [FLAG…]\n\nMediated devices, with the command line of mdevctl 1.4.0',
  )
  for (const [name, { summary, hidden }] of Object.entries(subcommands)) {
    if (hidden !== true) parser.command(name, summary)
  }
  const { text } = parseWords(parser.demandCommand(1, 'which command?'), words)
  return { text: text === '' ? '' : `${text}\n` }
}

function base(name: string): Argv {
  return yargsParser(name, `${name} --help`).alias({ help: 'h', version: 'V' }).version(versionText())
}

function versionText(): string {
  return `mdevctl 1.4.0 (vfioctl ${readVersion()})`
}

function longVersion(word: string): string {
  return word === '-V' ? '--version' : word
}

function flagsOn(parser: Argv, flags: Readonly<Record<string, Flag>>): Argv {
  for (const [name, { short, value, describe, conflicts, implies }] of Object.entries(flags)) {
    parser.option(name, {
      ...(value === undefined
        ? { type: 'boolean' as const }
        : { type: 'string' as const, requiresArg: true, nargs: 1 }),
      ...(short === undefined ? {} : { alias: short }),
      ...(implies === undefined ? {} : { implies }),
      ...(conflicts === undefined ? {} : { conflicts }),
      describe,
    })
  }
  return parser
}

function checkValues({ oneOf = [], atMostOne = [] }: Subcommand, values: Readonly<Record<string, unknown>>): void {
  const [one, other] = atMostOne.filter((name) => values[name] !== undefined)
  if (other !== undefined) throw usageError(`--${one} and --${other} exclude each other`)
  for (const names of oneOf) {
    if (names.some((name) => values[name] !== undefined)) continue
    throw usageError(`${names.map((name) => `--${name}`).join(' or ')} is needed`)
  }
  const [uuid, index] = [textOrUndefined(values['uuid']), textOrUndefined(values['index'])]
  if (uuid !== undefined && uuidOrNull(uuid) === null) throw usageError(`--uuid '${printable(uuid)}' is not a UUID`)
  if (index !== undefined && !(/^\+?\d{1,20}$/.test(index) && BigInt(index) < 1n << 32n)) {
    throw usageError(`--index '${printable(index)}' is not a number`)
  }
}

function textOrUndefined(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
