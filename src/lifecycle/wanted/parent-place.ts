import type { SpecParent } from './spec.ts'

/** A place for devices by one name: a parent, or a card whose virtual functions are the parents. */
export interface Parents {
  /** The parent's own name, or the card's. */
  readonly name: string
  /** In the order of their numbers: they carry together what is asked for. */
  readonly parents: readonly string[]
}

/** A place where devices of one kind are made, or could be. */
export interface ParentPlace extends Parents {
  readonly kind: string
}

/** A file's entry for parents, with their places on this host, of whatever kind. */
export type PlacedParent = SpecParent & { readonly on: readonly ParentPlace[] }
