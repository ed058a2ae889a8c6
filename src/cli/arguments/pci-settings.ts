import { printable } from '../../base/units.ts'
import type { PciSettingsWish } from '../../lifecycle/settings/pci-settings.ts'
import { resetMethodNames } from '../../lifecycle/settings/pci-settings.ts'
import { type Option, usageError } from '../command/command.ts'
import { given } from './change-options.ts'
import { parseSize } from './numbers.ts'

interface SettingOptions {
  readonly power: Option<'on' | 'auto' | 'default'>
  readonly d3cold: Option<boolean | 'default'>
  readonly 'reset-methods': Option<readonly string[] | 'default'>
  readonly bars: Option<Readonly<Record<string, number | 'default'>>>
}

/** The options that set a device's power, resets and BAR sizes. */
export const settingOptions: SettingOptions = {
  power: {
    kind: 'option',
    value: 'WORD',
    completes: ['on', 'auto', 'default'],
    parse: (text) => oneOf('power', { on: 'on', auto: 'auto', default: 'default' } as const, text),
    describe: 'on: keep it awake; auto: let it sleep while nobody uses it; default: as before (power/control)',
  },
  d3cold: {
    kind: 'option',
    value: 'WORD',
    completes: ['off', 'on', 'default'],
    parse: (text) => oneOf('d3cold', { off: false, on: true, default: 'default' } as const, text),
    describe: 'off: the kernel may not cut its power while it sleeps; default: as before (d3cold_allowed)',
  },
  'reset-methods': {
    kind: 'option',
    value: 'NAMES',
    completes: [...resetMethodNames, 'none', 'default'],
    parse: parseResetMethods,
    describe:
      'the ways to reset it, the one to try first in front, with commas: bus,flr; none; or default: as before (reset_method)',
  },
  bars: {
    kind: 'option',
    value: 'BAR=SIZE',
    completes: 'nothing',
    parse: parseBars,
    describe:
      'sizes of its resizable BARs, with commas: 1=8G,3=64M, or 1=default: as before; no driver has it meanwhile',
  },
}

/** The settings that were given; undefined if none was. */
export function givenSettings(values: {
  readonly power: 'on' | 'auto' | 'default' | undefined
  readonly d3cold: boolean | 'default' | undefined
  readonly 'reset-methods': readonly string[] | 'default' | undefined
  readonly bars: Readonly<Record<string, number | 'default'>> | undefined
}): PciSettingsWish | undefined {
  const { power, d3cold, 'reset-methods': resetMethods, bars } = values
  const settings = given({ power, d3cold, resetMethods, bars })
  return Object.keys(settings).length === 0 ? undefined : settings
}

/** The value of a word that an option takes. Throws if it takes no such word. */
export function oneOf<T>(option: string, words: Readonly<Record<string, T>>, text: string): T {
  const found = Object.hasOwn(words, text) ? words[text] : undefined
  if (found !== undefined) return found
  throw usageError(`--${option} is ${Object.keys(words).join(' or ')}, not '${printable(text)}'`)
}

function parseResetMethods(text: string): readonly string[] | 'default' {
  if (text === 'default') return text
  if (text === 'none') return []
  const names = text.split(',')
  const known: readonly string[] = resetMethodNames
  const odd = names.find((name) => !known.includes(name))
  if (odd !== undefined) {
    throw usageError(
      `'${printable(odd)}' is no way to reset a device: ${known.join(', ')} are, with commas between, or none, or default`,
    )
  }
  if (new Set(names).size < names.length) throw usageError(`--reset-methods ${text} names one way twice`)
  return names
}

function parseBars(text: string): Readonly<Record<string, number | 'default'>> {
  const pairs = text.split(',').map((one): readonly [string, number | 'default'] => {
    const [, bar = '', size = ''] = /^([0-5])=(.+)$/.exec(one) ?? []
    if (bar === '') throw usageError(`'${printable(one)}' is not BAR=SIZE, such as 1=8G; BARs are 0 to 5`)
    if (size === 'default') return [bar, size]
    const bytes = parseSize(size)
    if (bytes >= 2 ** 20 && Number.isInteger(Math.log2(bytes))) return [bar, bytes]
    throw usageError(`BAR ${bar} cannot have '${printable(size)}': a size is a power of two, from 1 MiB on`)
  })
  if (new Set(pairs.map(([bar]) => bar)).size < pairs.length)
    throw usageError(`--bars ${printable(text)} names a BAR twice`)
  return Object.fromEntries(pairs)
}
