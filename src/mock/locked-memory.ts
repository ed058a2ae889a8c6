import { Errno } from './errno.ts'
import type { DmaMappings } from './vfio/dma-mappings.ts'

/** What a process has locked for its devices, against what it may lock. */
export class LockedMemory {
  /** The address spaces in which it has something mapped. */
  readonly spaces: Set<DmaMappings> = new Set()
  /** Bytes; null without a limit, as with CAP_IPC_LOCK. What is locked already stays so when it changes. */
  limit: number | null
  #bytes = 0n

  constructor(limit: number | null) {
    this.limit = limit
  }

  get bytes(): bigint {
    return this.#bytes
  }

  /** ENOMEM, and nothing changed, where it would pass the limit. */
  add(bytes: bigint): void {
    if (this.limit !== null && this.#bytes + bytes > BigInt(this.limit)) throw new Errno('ENOMEM')
    this.#bytes += bytes
  }

  take(bytes: bigint): void {
    this.#bytes -= bytes
  }
}
