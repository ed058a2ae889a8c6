import { kernelOrder } from '../../base/byte-order.ts'
import { failedWith } from '../../base/system-error.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { attempt, callFailed } from '../calls/system-call.ts'

/** The places of the halves of an eventfd's counter: two numbers are read faster than one of 64 bits. */
const [lowHalf, highHalf] = kernelOrder ? [0, 4] : [4, 0]

/** A vector to enable; `eventfd` is another's, or null for one of our own. */
export interface VectorRequest {
  readonly vector: number
  readonly eventfd: number | null
}

/** A vector and the eventfd that the device's interrupts arrive at: one of our own, or another's. */
export class IrqVector {
  readonly vector: number
  /** For people: 'msi vector 0 of 0000:00:03.0'. */
  readonly what: string
  readonly eventfd: number
  readonly owned: boolean
  readonly #kernel: Kernel
  readonly #bytes = new Uint8Array(8)
  readonly #words = new DataView(this.#bytes.buffer)
  #closed = false

  /** Makes an eventfd if none is given. */
  constructor(kernel: Kernel, what: string, { vector, eventfd }: VectorRequest) {
    this.#kernel = kernel
    this.what = what
    this.vector = vector
    this.owned = eventfd === null
    this.eventfd = eventfd ?? attempt(`make an eventfd for ${this.what}`, () => kernel.eventfd())
  }

  /** The number of interrupts since the last call: reads the eventfd, which starts at 0 again. */
  take(): number {
    try {
      this.#kernel.read(this.eventfd, this.#bytes)
    } catch (error) {
      if (failedWith(error, 'EAGAIN')) return 0
      throw callFailed(`read the eventfd of ${this.what}`, error)
    }
    return this.#words.getUint32(highHalf, kernelOrder) * 2 ** 32 + this.#words.getUint32(lowHalf, kernelOrder)
  }

  /** Idempotent. Another's eventfd stays open. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    if (this.owned) attempt(`close the eventfd of ${this.what}`, () => this.#kernel.close(this.eventfd))
  }
}
