import { VfioError } from '../errors.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { attempt } from './system-call.ts'

/** An open descriptor with a name for people ('group 5'), which knows when it is closed. */
export class Descriptor {
  readonly kernel: Kernel
  readonly what: string
  #fd: number | null

  constructor(kernel: Kernel, fd: number, what: string) {
    this.kernel = kernel
    this.what = what
    this.#fd = fd
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

  /** ioctl(2), with the raw system error where it fails. */
  ioctl(request: number, argument?: Uint8Array | number): number {
    return this.kernel.ioctl(this.fd, request, argument)
  }

  /** Idempotent: a descriptor is given back once, whether or not close(2) complains. */
  close(): void {
    const fd = this.#fd
    if (fd === null) return
    this.#fd = null
    attempt(`close ${this.what}`, () => this.kernel.close(fd))
  }

  #closed(): VfioError {
    return new VfioError('CLOSED', `${this.what} is closed`, { facts: { closed: this.what } })
  }
}
