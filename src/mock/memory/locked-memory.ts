import { Errno } from '../base/errno.ts'
import type { AddressSpace } from './dma-mapping.ts'
import type { UserMemory } from './user-memory.ts'

/** Memory that a process has locked for its devices, against its limit. */
export class LockedMemory {
  /** The address spaces in which it has something mapped. */
  readonly spaces: Set<AddressSpace> = new Set()
  /** Bytes; null without a limit, as with CAP_IPC_LOCK. What is locked already stays so when it changes. */
  limit: number | null
  #bytes = 0n

  constructor(limit: number | null) {
    this.limit = limit
  }

  get bytes(): bigint {
    return this.#bytes
  }

  /**
   * A part of memory once more. What is pinned already is not charged again. ENOMEM, and nothing changed, past the
   * limit.
   */
  pin(memory: UserMemory, offset: bigint, size: bigint): void {
    const added = memory.pin(offset, size)
    if (this.limit !== null && this.#bytes + added > BigInt(this.limit)) {
      memory.unpin(offset, size)
      throw new Errno('ENOMEM')
    }
    this.#bytes += added
  }

  /** Takes one pin of a part back. */
  unpin(memory: UserMemory, offset: bigint, size: bigint): void {
    this.#bytes -= memory.unpin(offset, size)
  }
}
