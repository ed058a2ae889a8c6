import * as v from 'valibot'
import { type PciSettings, resetMethodNames } from './pci-settings.ts'

const mebibyte = 2 ** 20

/** The fields of a device's settings, each by itself. */
export const pciSettingFields: {
  readonly [Key in keyof Required<PciSettings>]: v.GenericSchema<unknown, NonNullable<PciSettings[Key]>>
} = {
  power: v.picklist(['on', 'auto'], 'must be on or auto'),
  d3cold: v.boolean('must be true or false'),
  resetMethods: v.pipe(
    v.array(v.picklist(resetMethodNames, `must be a list of ${resetMethodNames.join(', ')}`)),
    v.check((names) => new Set(names).size === names.length, 'must name each way once'),
  ),
  bars: barSizes(v.number()),
}

/** The settings as they are kept. */
export const pciSettings: v.GenericSchema<unknown, PciSettings> = v.strictObject({
  power: v.exactOptional(pciSettingFields.power),
  d3cold: v.exactOptional(pciSettingFields.d3cold),
  resetMethods: v.exactOptional(pciSettingFields.resetMethods),
  bars: v.exactOptional(pciSettingFields.bars),
})

/** BARs by index, with their sizes as that schema takes them. */
export function barSizes(size: v.GenericSchema<unknown, number>): v.GenericSchema<unknown, Record<string, number>> {
  return v.pipe(
    v.record(
      v.pipe(v.string(), v.regex(/^[0-5]$/, 'must be the index of a BAR, 0 to 5')),
      v.pipe(size, v.check(isBarSize, 'must be a power of two, from 1 MiB on')),
    ),
    v.check((bars) => Object.keys(bars).length > 0, 'must have a BAR'),
  )
}

function isBarSize(bytes: number): boolean {
  return bytes >= mebibyte && bytes <= 2 ** 63 && Number.isInteger(Math.log2(bytes))
}
