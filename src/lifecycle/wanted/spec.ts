import type { PciAddress, Uuid } from '../../base/units.ts'
import type { Attribute, StartMode } from '../definition/definition.ts'
import type { GpuModes } from '../settings/gpu-modes.ts'
import type { NodeOwner } from '../settings/node-owners.ts'
import type { PciSettingsWish } from '../settings/pci-settings.ts'
import type { Place } from './invalid-spec.ts'

/** The wanted state of a host: a file's content, checked, with names as they were written. */
export interface Spec {
  /** The file, for messages. */
  readonly path: string
  /** Drivers of devices, given before anything else. */
  readonly bindings: readonly SpecBinding[]
  readonly parents: readonly SpecParent[]
  /** Devices of NVIDIA's GPUs, by its vgpu-device-manager's file: of the entries that fit a GPU, the last holds. */
  readonly gpus: readonly SpecGpus[]
}

/** Devices that GPUs of NVIDIA's carry, and none beside them. */
export interface SpecGpus {
  /** By their numbers, counted over all of the host. */
  readonly gpus: 'all' | readonly number[]
  /** Any GPU if it is null. */
  readonly filters: readonly GpuFilter[] | null
  readonly devices: readonly { readonly type: string; readonly count: number }[]
}

/** Device and vendor in one number: 0x20b510de; of the subsystem too, or any. */
export interface GpuFilter {
  readonly id: number
  readonly subsystem: number | null
}

/** Devices of any bus, and the driver that they should have. */
export interface SpecBinding {
  readonly at: Place | null
  /** Names are addresses of PCI devices, or BUS/NAME ('css/0.0.0314'). */
  readonly choice: PciChoice | FunctionChoice
  /** Null for VFIO's driver on the device's bus. */
  readonly driver: string | null
  /** With every other endpoint of their IOMMU groups. */
  readonly group: boolean
  /** At every boot before other drivers see them; null for as it is. */
  readonly early: boolean | null
  /** Power, resets and BAR sizes that they should have; null for none. */
  readonly settings: PciSettingsWish | null
  /** The host is to let go of its screen on them. */
  readonly releaseFramebuffer: boolean
}

/** A parent or card, and the devices that it should have. */
export interface SpecParent {
  /** Its place in its file; null if that is not known. */
  readonly at: Place | null
  readonly choice: ParentChoice
  /** The virtual functions that each has, before its devices; null if the file does not say. */
  readonly sriov: SpecSriov | null
  /** Modes of a GPU, set in the order that works with its functions. */
  readonly modes: GpuModes
  readonly devices: readonly SpecDevices[]
  /** Keep or remove devices of types that `devices` does not name. */
  readonly others: 'keep' | 'remove'
}

/** Virtual functions of a card. */
export interface SpecSriov {
  readonly count: number | 'all'
  /** The host's drivers may have them as they come; null for as it is. */
  readonly autoprobe: boolean | null
}

/** Virtual functions of a card, by their numbers there ('virtfn0' is 0); all that it has if they are null. */
export interface FunctionChoice {
  readonly card: string
  readonly virtfn: readonly number[] | null
}

/** A choice of PCI devices. */
export type PciChoice =
  /** Addresses, short or long; of parents, also names such as 'mtty'. */
  | { readonly names: readonly string[] }
  /** From one PCI address to another, both included: '0000:41:00.4-0000:41:01.3'. */
  | { readonly from: string; readonly to: string }
  /** Hex ids without 0x, as lspci -n shows them. */
  | { readonly vendor: string; readonly device: string | null }

/** A choice of the host's parents: each that fits gets what `devices` says, but with `anyWith` they share it. */
export type ParentChoice =
  | PciChoice
  /** All parents that offer the first of these types that the host has. */
  | { readonly anyWith: readonly string[] }

/** Devices of one type. */
export interface SpecDevices {
  readonly at: Place | null
  /** By id ('nvidia-222') or by name ('GRID T4-1B'), or the shares of a GPU ('vram=8GiB,quantum=10ms'). */
  readonly type: string
  /** Others, for parents that do not offer that one, in the order in which they are preferred. */
  readonly otherTypes: readonly string[]
  /** The driver of the one function that is named; null if the file does not say. */
  readonly driver: string | null
  /** One by its UUID, a vGPU by its function, or so many with whatever name. */
  readonly wanted: { readonly uuid: Uuid } | { readonly function: PciAddress } | { readonly count: number }
  readonly start: StartMode
  readonly attributes: readonly Attribute[]
  /** To whom the nodes go; null if the file does not say, and whoever has them keeps them. */
  readonly owner: NodeOwner | null
}
