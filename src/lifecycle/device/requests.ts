import type { Attribute, StartMode } from '../definition/definition.ts'
import type { DefinitionEdit } from '../definition/edit-definition.ts'
import type { GpuShares } from './gpu-shares.ts'

/**
 * A virtual device to start: one that is defined, by its name, or one that is made on the spot of a parent and a type.
 */
export interface StartRequest {
  /** A mediated device's UUID, made up if absent; or the PCI address of the function that is the vGPU. */
  readonly name?: string
  /** A card stands for its virtual functions too, unless `exactParent`: a free one is taken. */
  readonly parent?: string
  readonly exactParent?: boolean
  /** By id ('nvidia-222', '1157') or by name ('GRID T4-1B', 'L40S-24Q'). */
  readonly type?: string
  /** Of a function of an Intel GPU, in place of a type: its share of the card. What is not named stays. */
  readonly shares?: Partial<GpuShares>
  /** Written in this order; those of the definition if absent. */
  readonly attributes?: readonly Attribute[]
  /** The start mode that callout scripts are told of a mediated device without a definition; 'manual' if absent. */
  readonly start?: StartMode
}

/** The definition to store of a virtual device. */
export interface DefineRequest {
  /** As of `StartRequest`. Of a running device, alone: its parent and type are taken from it. */
  readonly name?: string
  /** A card stands for its virtual functions too, unless `exactParent`: one that is not defined yet is taken. */
  readonly parent?: string
  readonly exactParent?: boolean
  /** By id or by name. */
  readonly type?: string
  /** As of `StartRequest`. */
  readonly shares?: Partial<GpuShares>
  /** 'manual' if absent. */
  readonly start?: StartMode
  readonly attributes?: readonly Attribute[]
  /** Define it although this host has no such parent or type now. */
  readonly force?: boolean
}

/** A device, and its parent if a UUID is defined under several. */
export interface DeviceChoice {
  readonly name: string
  readonly parent?: string
}

/** Changes to a device's definition; what runs is left alone. */
export interface ModifyRequest extends DeviceChoice, DefinitionEdit {
  /** As of `StartRequest`. */
  readonly shares?: Partial<GpuShares>
}
