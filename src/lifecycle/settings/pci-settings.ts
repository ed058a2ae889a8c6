import * as v from 'valibot'

/** Power, resets and BAR sizes that a PCI device is to have. What is absent stays as it is. */
export interface PciSettings {
  /** `power/control`: 'on' keeps it awake; 'auto' lets it sleep while nobody uses it. */
  readonly power?: 'on' | 'auto'
  /** `d3cold_allowed`: the kernel may cut its power while it sleeps. */
  readonly d3cold?: boolean
  /** `reset_method`: the ways to reset it, the one to try first in front; none turns all off. */
  readonly resetMethods?: readonly string[]
  /** Bytes of its resizable BARs, by their index: { 1: 8589934592 }. */
  readonly bars?: Readonly<Record<string, number>>
}

/** The kernel's ways to reset a function (pci_reset_fn_methods), by their names in `reset_method`. */
export const resetMethodNames = ['device_specific', 'acpi', 'flr', 'af_flr', 'pm', 'bus', 'cxl_bus'] as const

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

type Given<T> = { readonly [Key in keyof T]?: T[Key] | undefined }

/** One after the other: what a later one says holds. Null if none says anything. */
export function mergedSettings(...all: readonly (Given<PciSettings> | null | undefined)[]): PciSettings | null {
  let merged: PciSettings = {}
  for (const one of all) {
    if (one == null) continue
    const { power = merged.power, d3cold = merged.d3cold, resetMethods = merged.resetMethods } = one
    const bars = { ...merged.bars, ...one.bars }
    merged = {
      ...(power === undefined ? {} : { power }),
      ...(d3cold === undefined ? {} : { d3cold }),
      ...(resetMethods === undefined ? {} : { resetMethods }),
      ...(Object.keys(bars).length === 0 ? {} : { bars }),
    }
  }
  return Object.keys(merged).length === 0 ? null : merged
}
