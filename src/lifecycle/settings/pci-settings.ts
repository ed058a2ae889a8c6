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

/** The same as asked for: `default` takes one back to what it was before it was set; nothing if nobody has. */
export interface PciSettingsWish {
  readonly power?: 'on' | 'auto' | 'default'
  readonly d3cold?: boolean | 'default'
  readonly resetMethods?: readonly string[] | 'default'
  readonly bars?: Readonly<Record<string, number | 'default'>>
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

/** A wish without what is left open; null if that is all. */
export function wishOrNull({ power, d3cold, resetMethods, bars }: Given<PciSettingsWish>): PciSettingsWish | null {
  const wish = {
    ...(power === undefined ? {} : { power }),
    ...(d3cold === undefined ? {} : { d3cold }),
    ...(resetMethods === undefined ? {} : { resetMethods }),
    ...(bars === undefined ? {} : { bars }),
  }
  return Object.keys(wish).length === 0 ? null : wish
}

/** A wish in two parts: what is to be set, and the names of what is taken back. */
export function splitWish({ power, d3cold, resetMethods, bars = {} }: PciSettingsWish): {
  readonly set: PciSettings | null
  readonly back: ReadonlySet<string>
} {
  const set = mergedSettings({
    power: power === 'default' ? undefined : power,
    d3cold: d3cold === 'default' ? undefined : d3cold,
    resetMethods: resetMethods === 'default' ? undefined : resetMethods,
    bars: Object.fromEntries(Object.entries(bars).flatMap(([bar, size]) => (size === 'default' ? [] : [[bar, size]]))),
  })
  const kept = new Set(settingNames(set))
  return { set, back: new Set(settingNames({ power, d3cold, resetMethods, bars }).filter((name) => !kept.has(name))) }
}

/** The name of each setting: 'power', 'd3cold', 'resetMethods', 'bar 1'. */
export function settingNames(settings: Given<PciSettingsWish> | null): string[] {
  const { power, d3cold, resetMethods, bars = {} } = settings ?? {}
  const named = Object.entries({ power, d3cold, resetMethods }).flatMap(([name, value]) => {
    return value === undefined ? [] : [name]
  })
  return [...named, ...Object.keys(bars).map((bar) => `bar ${bar}`)]
}

/** Those whose names fit; null if none does. */
export function settingsNamed(settings: PciSettings | null, fits: (name: string) => boolean): PciSettings | null {
  const { power, d3cold, resetMethods, bars = {} } = settings ?? {}
  return mergedSettings({
    power: fits('power') ? power : undefined,
    d3cold: fits('d3cold') ? d3cold : undefined,
    resetMethods: fits('resetMethods') ? resetMethods : undefined,
    bars: Object.fromEntries(Object.entries(bars).filter(([bar]) => fits(`bar ${bar}`))),
  })
}
