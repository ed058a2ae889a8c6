import type { UserMemory } from './user-memory.ts'

/** What a device does with memory: false where a translation is missing or forbids it, and nothing more is moved. */
export interface DmaAccess {
  read(iova: bigint, into: Uint8Array): boolean
  write(iova: bigint, from: Uint8Array): boolean
}

/** One mapping of memory for devices. */
export interface DmaMapping {
  readonly iova: bigint
  readonly size: bigint
  /** What the device may do. */
  readonly access: { readonly read: boolean; readonly write: boolean }
  readonly memory: UserMemory
  /** Where in the memory it begins. */
  readonly offset: bigint
}

/** A page of memory that mediated drivers have pinned. */
export interface PinnedPage {
  readonly iova: bigint
  readonly memory: UserMemory
  /** Where in the memory the page begins. */
  readonly offset: bigint
  /** How many pins it has. */
  readonly count: number
}

/** The mappings of one address space, and the pages of it that mediated drivers have pinned. */
export interface AddressSpace extends Iterable<DmaMapping> {
  readonly pins: Iterable<PinnedPage>
}
