import type { PhysicalFunction } from '../../host/sriov.ts'
import type { Warning } from '../../host/warning.ts'
import type { VirtualDevice } from '../device/virtual-device.ts'
import type { DeviceEntry, ParentEntry } from '../spec/spec-file.ts'

/** An entry of the file to be, with what a person is to know of it. */
export interface Exported<Entry> {
  readonly entry: Entry
  /** In words, for a comment: 'GRID T4-1B'; null for nothing. */
  readonly comment: string | null
}

/** A parent of the file to be, its devices each with a comment. */
export interface ExportedParent {
  readonly entry: Omit<ParentEntry, 'devices'> & { readonly parent: string }
  readonly devices: readonly Exported<DeviceEntry>[]
  readonly comment: string | null
}

/** The host, for what is exported of its parents. */
export interface OnHost {
  readonly devices: readonly VirtualDevice[]
  readonly cards: readonly PhysicalFunction[]
  readonly isMeant: (parent: string) => boolean
  /** With what runs, or is there, and nobody keeps. */
  readonly adopt: boolean
}

/** A part of an export: what goes in, what is on the host and nobody keeps, and what is kept and cannot go in. */
export interface ExportedPart<Entry> {
  readonly entries: readonly Entry[]
  /** In words: 'driver vfio-pci of 0000:3b:00.0'. */
  readonly notKept: readonly string[]
  readonly warnings: readonly Warning[]
}
