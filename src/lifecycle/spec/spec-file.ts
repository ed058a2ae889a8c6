import type { SharePriority } from '../device/gpu-shares.ts'
import type { MigInstances } from '../settings/gpu-modes.ts'
import type { PciSettingsWish } from '../settings/pci-settings.ts'

/**
 * A spec file as it is written, in YAML or JSON: the wanted state of a host. vfioctl-spec(5) says what each key means.
 */
export interface SpecFile {
  readonly version: 1
  /** Devices with the driver that each is to have. */
  readonly bindings?: readonly BindingEntry[]
  /** Cards and other parents, with what each carries. */
  readonly parents?: readonly ParentEntry[]
}

/** Several devices by an address or a range 'FROM-TO', a list of names, or the ids of vendor and device. */
export type DevicesNamed = string | readonly string[] | { readonly vendor: string; readonly device?: string }

/** Virtual functions of a card, by their numbers there; all if they are not said. */
export interface FunctionsNamed {
  readonly card: string
  readonly virtfn?: number | readonly number[]
}

/** Devices, and the driver and settings that they are to have at every boot. */
export interface BindingEntry extends Omit<PciSettingsWish, 'bars'> {
  readonly device: DevicesNamed | FunctionsNamed
  /** A name, `best`, or `none`. */
  readonly driver?: string
  readonly group?: boolean
  /** Sizes such as '8GiB', or bytes, by the index of the BAR. */
  readonly bars?: Readonly<Record<string, string | number>>
  readonly early?: boolean
  readonly framebuffer?: 'release'
}

/** A card or another parent, with what it is to carry. */
export interface ParentEntry {
  readonly parent: DevicesNamed | { readonly anyWith: string | readonly string[] }
  readonly sriov?: number | 'all' | SriovEntry
  readonly heterogeneous?: boolean
  readonly mig?: readonly (Omit<MigInstances, 'count'> & { readonly count?: number })[]
  readonly devices?: readonly DeviceEntry[]
  readonly others?: 'keep' | 'remove'
}

/** Virtual functions, and whether the host's drivers may have them as they come. */
export interface SriovEntry {
  readonly count: number | 'all'
  readonly autoprobe?: boolean
}

/** Virtual devices: one by `uuid` or `function`, or `count` of them. */
export interface DeviceEntry {
  readonly type?: string | readonly string[]
  readonly vram?: string
  readonly quantum?: string
  readonly timeout?: string
  readonly priority?: SharePriority
  readonly driver?: string
  readonly uuid?: string
  readonly function?: string
  readonly count?: number
  readonly autostart?: boolean
  readonly attributes?: readonly Readonly<Record<string, string | number>>[]
  readonly owner?: OwnerEntry
}

/** To whom a node goes: at least one of them. */
export interface OwnerEntry {
  readonly user?: string | number
  readonly group?: string | number
  /** Octal digits: '0660'. */
  readonly mode?: string
}
