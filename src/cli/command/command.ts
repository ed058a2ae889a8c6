import { VfioError } from '../../base/errors.ts'
import { printable } from '../../base/units.ts'
import type { Io } from '../io/io.ts'
import type { Context } from './context.ts'

/** The kind of thing that an argument's value names, for the shell's completion. */
export type Completes =
  | 'device'
  | 'active device'
  | 'inactive device'
  | 'defined device'
  /** Devices that can be opened: running mediated devices, and PCI devices that a VFIO driver has. */
  | 'vfio device'
  /** Devices in IOMMU groups. */
  | 'host device'
  | 'parent'
  | 'type'
  /** A driver of the PCI bus. */
  | 'driver'
  | 'file'
  | 'nothing'
  /** One of these words. */
  | readonly string[]

interface Described {
  readonly describe: string
}

/** `--name`, true if it is given. */
export interface Flag extends Described {
  readonly kind: 'flag'
  readonly alias?: string
}

interface Valued<T> extends Described {
  readonly completes: Completes
  /** Throws INVALID_ARGUMENT for what it cannot take. */
  readonly parse: (text: string) => T
}

/** `--name TEXT`, at most once. */
export interface Option<T> extends Valued<T> {
  readonly kind: 'option'
  readonly alias?: string
  /** Placeholder of the value in the help: 'UUID'. */
  readonly value: string
}

/** An argument by position. */
export interface RequiredPositional<T> extends Valued<T> {
  readonly kind: 'required'
}

/** A positional that may be left out. */
export interface OptionalPositional<T> extends Valued<T> {
  readonly kind: 'optional'
}

/** The last positional, any number of times. */
export interface Rest<T> extends Valued<T> {
  readonly kind: 'rest'
}

/** One argument of a command: a flag, an option or a positional. */
export type Argument =
  | Flag
  | Option<unknown>
  | RequiredPositional<unknown>
  | OptionalPositional<unknown>
  | Rest<unknown>
/** The arguments of a command by their long names. */
export type ArgumentTable = Readonly<Record<string, Argument>>

/** The values that a table's arguments come out as. */
export type Values<T extends ArgumentTable> = {
  readonly [K in keyof T]: T[K] extends { readonly kind: 'flag' }
    ? boolean
    : T[K] extends { readonly kind: 'rest'; readonly parse: (text: string) => infer V }
      ? readonly V[]
      : T[K] extends { readonly kind: 'required'; readonly parse: (text: string) => infer V }
        ? V
        : T[K] extends { readonly parse: (text: string) => infer V }
          ? V | undefined
          : never
}

/** A command line for `--help`, and what it does. */
export type Example = readonly [commandLine: string, what: string]

/** One command: its arguments as a table, and what it does with them. Positionals stand in the table's order. */
export interface Command<T extends ArgumentTable = ArgumentTable> {
  readonly arguments: T
  readonly examples: readonly Example[]
  /** The words after `--`, for its help, if it runs a program: '-- COMMAND [ARGUMENT…]'. */
  readonly program?: string
  /** Text at the end of its help. */
  readonly epilogue?: string
  run(values: Values<T>, context: Context, io: Io): Promise<void> | void
}

/** A command with its values' types found from its table, and then forgotten: the parser checks every value itself. */
export function command<const T extends ArgumentTable>(definition: Command<T>): Command {
  return {
    arguments: definition.arguments,
    examples: definition.examples,
    ...(definition.program === undefined ? {} : { program: definition.program }),
    ...(definition.epilogue === undefined ? {} : { epilogue: definition.epilogue }),
    run: (values, context, io) => definition.run(values as Values<T>, context, io),
  }
}

/** Parses nothing: the text as given. */
export const text = (value: string): string => value

/** INVALID_ARGUMENT for a wrong command line, with the command that helps. */
export function usageError(message: string, hint?: string): VfioError {
  return new VfioError('INVALID_ARGUMENT', message, hint === undefined ? {} : { hint })
}

/** The positional that names one of a command's actions; `does` has each with its meaning. */
export function action<T extends string>(command: string, does: Readonly<Record<T, string>>): RequiredPositional<T> {
  const words = Object.keys(does)
  const isWord = (given: string): given is T => Object.hasOwn(does, given)
  return {
    kind: 'required',
    completes: words,
    parse: (given) => {
      if (isWord(given)) return given
      const list = `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`
      throw usageError(`${command} can ${list}, not '${printable(given)}'`, `vfioctl ${command} --help`)
    },
    describe: Object.entries(does)
      .map(([word, what]) => `${word}: ${what}`)
      .join('; '),
  }
}
