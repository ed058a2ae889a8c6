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
