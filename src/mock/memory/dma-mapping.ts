import type { UserMemory } from './user-memory.ts'

/** Access of a device to memory: false if a translation is missing or forbids it, and nothing more is moved. */
export interface DmaAccess {
  read(iova: bigint, into: Uint8Array): boolean
  write(iova: bigint, from: Uint8Array): boolean
}

/** One mapping of memory for devices. */
export interface DmaMapping {
  readonly iova: bigint
  readonly size: bigint
  /** Access allowed to a device. */
  readonly access: { readonly read: boolean; readonly write: boolean }
  readonly memory: UserMemory
  /** Its start in the memory, in bytes. */
  readonly offset: bigint
}

/** A page of memory that mediated drivers have pinned. */
export interface PinnedPage {
  readonly iova: bigint
  readonly memory: UserMemory
  /** The page's start in the memory, in bytes. */
  readonly offset: bigint
  /** Number of pins. */
  readonly count: number
}

/** The mappings of one address space, and the pages of it that mediated drivers have pinned. */
export interface AddressSpace extends Iterable<DmaMapping> {
  readonly pins: Iterable<PinnedPage>
}
