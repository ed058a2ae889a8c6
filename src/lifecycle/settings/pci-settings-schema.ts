import * as v from 'valibot'
import { type PciSettings, type PciSettingsWish, resetMethodNames } from './pci-settings.ts'

const mebibyte = 2 ** 20

/** The fields of a device's settings, each by itself. */
const pciSettingFields: {
  readonly [Key in keyof Required<PciSettings>]: v.GenericSchema<unknown, NonNullable<PciSettings[Key]>>
} = {
  power: v.picklist(['on', 'auto'], 'must be on or auto'),
  d3cold: v.boolean('must be true or false'),
  resetMethods: v.pipe(
    v.array(v.picklist(resetMethodNames, `must be a list of ${resetMethodNames.join(', ')}`)),
    v.check((names) => new Set(names).size === names.length, 'must name each way once'),
  ),
  bars: barSizes(barBytes(v.number())),
}

const back = v.literal('default')

/** The fields of a wish for settings, each by itself. */
export const pciWishFields: {
  readonly [Key in keyof Required<PciSettingsWish>]: v.GenericSchema<unknown, NonNullable<PciSettingsWish[Key]>>
} = {
  power: v.picklist(['on', 'auto', 'default'], 'must be on, auto or default'),
  d3cold: v.union([pciSettingFields.d3cold, back], 'must be true, false or default'),
  resetMethods: v.union(
    [pciSettingFields.resetMethods, back],
    `must be a list of ${resetMethodNames.join(', ')}, or default`,
  ),
  bars: barSizes(v.union([barBytes(v.number()), back], 'must be bytes or default')),
}

/** The settings as they are kept. */
export const pciSettings: v.GenericSchema<unknown, PciSettings> = v.strictObject({
  power: v.exactOptional(pciSettingFields.power),
  d3cold: v.exactOptional(pciSettingFields.d3cold),
  resetMethods: v.exactOptional(pciSettingFields.resetMethods),
  bars: v.exactOptional(pciSettingFields.bars),
})

/** BARs by index, with what that schema takes for each. */
export function barSizes<Size>(size: v.GenericSchema<unknown, Size>): v.GenericSchema<unknown, Record<string, Size>> {
  return v.pipe(
    v.record(v.pipe(v.string(), v.regex(/^[0-5]$/, 'must be the index of a BAR, 0 to 5')), size),
    v.check((bars) => Object.keys(bars).length > 0, 'must have a BAR'),
  )
}

/** The bytes of a BAR, as that schema takes them. */
export function barBytes(size: v.GenericSchema<unknown, number>): v.GenericSchema<unknown, number> {
  return v.pipe(size, v.check(isBarSize, 'must be a power of two, from 1 MiB on'))
}

function isBarSize(bytes: number): boolean {
  return bytes >= mebibyte && bytes <= 2 ** 63 && Number.isInteger(Math.log2(bytes))
}
