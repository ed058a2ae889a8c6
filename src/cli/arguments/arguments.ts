import { printable, unsignedOrNull } from '../../units.ts'
import {
  type Flag,
  type Option,
  type OptionalPositional,
  type RequiredPositional,
  text,
  usageError,
} from '../command.ts'
import { deviceForms } from './device-argument.ts'

/** Arguments that several commands share, with mdevctl's names. */
export const uuid: Option<string> = {
  kind: 'option',
  alias: 'u',
  value: 'UUID',
  completes: 'device',
  parse: text,
  describe: 'the device',
}

export const parent: Option<string> = {
  kind: 'option',
  alias: 'p',
  value: 'PARENT',
  completes: 'parent',
  parse: text,
  describe: 'the card that offers it: a PCI address or name',
}

export const type: Option<string> = {
  kind: 'option',
  alias: 't',
  value: 'TYPE',
  completes: 'type',
  parse: text,
  describe: 'the type by its id or its name',
}

export const auto: Flag = {
  kind: 'flag',
  alias: 'a',
  describe: 'Start it whenever its parent appears',
}
export const manual: Flag = { kind: 'flag', alias: 'm', describe: 'Start it only on demand' }

export const jsonFile: Option<string> = {
  kind: 'option',
  value: 'FILE',
  completes: 'file',
  parse: text,
  describe: 'a definition as mdevctl writes it; - is stdin',
}

export const device: OptionalPositional<string> = {
  kind: 'optional',
  completes: 'device',
  parse: text,
  describe: deviceForms,
}

export const force: Flag = {
  kind: 'flag',
  alias: 'f',
  describe: 'Although this host has no such parent or type now, or a callout script forbids it',
}

export const overrule: Flag = {
  kind: 'flag',
  alias: 'f',
  describe: 'Although a callout script of the vendor forbids it',
}

/** What a command of several deeds is to do; `does` has each with what it means. */
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

/** Parses a whole number from 0, decimal or 0x; `what` begins the message. */
export function wholeNumber(what: string, highest: number): (given: string) => number {
  return (given) => {
    const value = unsignedOrNull(given)
    if (value === null) throw usageError(`${what} '${printable(given)}' is not a whole number, decimal or 0x…`)
    if (value > BigInt(highest)) throw usageError(`${what} ${printable(given)} is above ${highest}`)
    return Number(value)
  }
}

/** The properties that were given: optional ones must be absent, not undefined. */
export function given<T extends Readonly<Record<string, unknown>>>(
  values: T,
): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>
  }
}
