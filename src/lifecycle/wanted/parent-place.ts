import type { SpecParent } from './spec.ts'

/** Where devices are made by one name: a parent, or a card whose virtual functions are the parents. */
export interface Parents {
  /** The parent's own name, or the card's. */
  readonly name: string
  /** In the order of their numbers: they carry together what is asked for. */
  readonly parents: readonly string[]
}

/** Where devices of one kind are made, or could be. */
export interface ParentPlace extends Parents {
  readonly kind: string
}

/** What a file has for parents, with those that they are on this host, of whatever kind. */
export type PlacedParent = SpecParent & { readonly on: readonly ParentPlace[] }
