import { VfioError } from '../../base/errors.ts'
import type { IoctlPointer, Kernel } from '../../kernel/kernel.ts'
import { closeInOrder } from './close-in-order.ts'
import { attempt } from './system-call.ts'

/** A resource to close before the descriptor it came from: mappings of a device, its interrupts. */
export interface Dependent {
  close(): void
}

/** The numbers that are ours, and not to be taken over from a caller who names one of them. */
const held = new WeakMap<Kernel, Set<number>>()

/** The descriptor is one that we hold, and close. */
export function isHeld(kernel: Kernel, fd: number): boolean {
  return held.get(kernel)?.has(fd) ?? false
}

/** An open descriptor with a name for people ('group 5'), which knows when it is closed. */
export class Descriptor {
  readonly kernel: Kernel
  readonly what: string
  readonly #dependents = new Set<Dependent>()
  #fd: number | null

  constructor(kernel: Kernel, fd: number, what: string) {
    this.kernel = kernel
    this.what = what
    this.#fd = fd
    const ofKernel = held.get(kernel) ?? new Set<number>()
    held.set(kernel, ofKernel.add(fd))
  }

  get closed(): boolean {
    return this.#fd === null
  }

  /** Throws CLOSED after close. */
  get fd(): number {
    if (this.#fd === null) throw this.#closed()
    return this.#fd
  }

  /** Throws CLOSED after close: for what would work from memory alone. */
  checkOpen(): void {
    if (this.#fd === null) throw this.#closed()
  }

  /** ioctl(2), with the raw system error if it fails. */
  ioctl(request: number, argument?: Uint8Array | number, pointers?: readonly IoctlPointer[]): number {
    return this.kernel.ioctl(this.fd, request, argument, pointers)
  }

  /** `dependent` is closed before the descriptor is, the latest first. */
  hold(dependent: Dependent): void {
    this.checkOpen()
    this.#dependents.add(dependent)
  }

  /** For a dependent that closes by itself. */
  release(dependent: Dependent): void {
    this.#dependents.delete(dependent)
  }

  /** Idempotent: a descriptor is given back once, whether or not close(2) complains. */
  close(): void {
    if (this.#fd === null) return
    const dependents = [...this.#dependents].reverse()
    this.#dependents.clear()
    closeInOrder([...dependents, { close: () => this.#giveBack() }])
  }

  #giveBack(): void {
    const fd = this.#fd
    if (fd === null) return
    this.#fd = null
    held.get(this.kernel)?.delete(fd)
    attempt(`close ${this.what}`, () => this.kernel.close(fd))
  }

  #closed(): VfioError {
    return new VfioError('CLOSED', `${this.what} is closed`, { facts: { closed: this.what } })
  }
}
