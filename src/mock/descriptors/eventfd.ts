import { kernelOrder } from '../../base/byte-order.ts'
import { Errno } from '../base/errno.ts'
import type { OpenFile, Readiness } from './open-file.ts'

const most = 0xffff_ffff_ffff_fffen

/** eventfd(2), non-blocking: a 64-bit counter that a read returns and clears. */
export class Eventfd implements OpenFile {
  readonly link = 'anon_inode:[eventfd]'
  readonly readiness: Readiness = {
    isReadable: () => this.#count > 0n,
    subscribe: (listener) => {
      this.#listeners.add(listener)
      return () => this.#listeners.delete(listener)
    },
  }
  readonly #listeners = new Set<() => void>()
  /** Told when it is closed. */
  readonly #consumers = new Set<() => void>()
  #count: bigint
  #isNotifying = false

  constructor(initial: number) {
    this.#count = BigInt(initial)
  }

  read(into: Uint8Array): number {
    if (into.length < 8) throw new Errno('EINVAL')
    if (this.#count === 0n) throw new Errno('EAGAIN')
    view(into).setBigUint64(0, this.#count, kernelOrder)
    this.#count = 0n
    return 8
  }

  write(from: Uint8Array): number {
    if (from.length < 8) throw new Errno('EINVAL')
    const value = view(from).getBigUint64(0, kernelOrder)
    if (value > most) throw new Errno('EINVAL')
    if (value > most - this.#count) throw new Errno('EAGAIN')
    this.#add(value)
    return 8
  }

  /** Adds 1 for a device: never fails, stays at the largest value. No signal within a signal: it would never end. */
  signal(): void {
    if (this.#count < most && !this.#isNotifying) this.#add(1n)
  }

  /**
   * Waits for the eventfd as the kernel does (virqfd): a signal calls back each time, for all who wait, and is gone.
   * One that was there before calls back too, and stays.
   */
  consume(listener: () => void, onClosed: () => void = () => {}): () => void {
    if (this.#count > 0n) listener()
    const stop = this.readiness.subscribe(() => {
      this.#count = 0n
      listener()
    })
    this.#consumers.add(onClosed)
    return () => {
      stop()
      this.#consumers.delete(onClosed)
    }
  }

  close(): void {
    this.#listeners.clear()
    for (const onClosed of this.#consumers) onClosed()
    this.#consumers.clear()
  }

  #add(value: bigint): void {
    this.#count += value
    if (value === 0n) return
    this.#isNotifying = true
    try {
      for (const listener of [...this.#listeners]) listener()
    } finally {
      this.#isNotifying = false
    }
  }
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
