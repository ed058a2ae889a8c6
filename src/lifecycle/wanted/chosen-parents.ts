import type { PciAddress } from '../../base/units.ts'
import type { SpecParent } from './spec.ts'

/** Where mediated devices are made by one name: a parent, or a card whose virtual functions are the parents. */
export interface ParentPlace {
  /** The parent's own name, or the card's. */
  readonly name: string
  /** In the order of their numbers. */
  readonly parents: readonly string[]
}

/** Where mediated devices are made, and cards whose virtual functions are or could be vGPUs. */
export interface ChosenParents {
  /** A parent by itself, or a card with those of its functions that are parents: they carry together what is asked for. */
  readonly mdev: readonly ParentPlace[]
  readonly vgpu: readonly PciAddress[]
}

/** What a file has for parents, with those that they are on this host. */
export type PlacedParent = SpecParent & { readonly on: ChosenParents }
