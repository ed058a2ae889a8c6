import { Errno } from './errno.ts'

/** What a process has locked for its devices, against what it may lock. */
export class LockedMemory {
  /** Bytes; null without a limit, as with CAP_IPC_LOCK. */
  readonly limit: number | null
  readonly #byOwner = new Map<object, bigint>()

  constructor(limit: number | null) {
    this.limit = limit
  }

  get bytes(): bigint {
    return [...this.#byOwner.values()].reduce((sum, bytes) => sum + bytes, 0n)
  }

  /** ENOMEM, and nothing changed, where it would pass the limit. */
  add(owner: object, bytes: bigint): void {
    if (this.limit !== null && this.bytes + bytes > BigInt(this.limit)) throw new Errno('ENOMEM')
    this.#byOwner.set(owner, (this.#byOwner.get(owner) ?? 0n) + bytes)
  }

  take(owner: object, bytes: bigint): void {
    const left = (this.#byOwner.get(owner) ?? 0n) - bytes
    if (left > 0n) this.#byOwner.set(owner, left)
    else this.#byOwner.delete(owner)
  }

  release(owner: object): void {
    this.#byOwner.delete(owner)
  }
}
