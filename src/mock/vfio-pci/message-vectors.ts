import { pciIrqIndex } from '../../uapi/region.ts'
import { Errno } from '../base/errno.ts'
import type { KernelTraits } from '../base/kernel-traits.ts'
import type { EventSink, IrqSetRequest } from '../sdk/device-model.ts'
import { eachEventfd, isTriggered } from '../sdk/irq.ts'

/**
 * MSI or MSI-X, whichever is on: as many vectors as were enabled at first, each with an eventfd or none. To MSI-X,
 * newer kernels add vectors later.
 */
export class MessageVectors {
  #index: number | null = null
  #sinks: (EventSink | null)[] = []
  readonly #grows: boolean

  constructor({ msixGrows }: Pick<KernelTraits, 'msixGrows'>) {
    this.#grows = msixGrows
  }

  /** The irq index that is on, or null. */
  get index(): number | null {
    return this.#index
  }

  /** Number of vectors. */
  get count(): number {
    return this.#sinks.length
  }

  /** One message of the function. */
  signal(vector: number): void {
    this.#sinks[vector]?.signal()
  }

  /** Ties vectors to eventfds, and turns the index on if it is off. A bad descriptor unties those before it. */
  tie(set: IrqSetRequest): void {
    const { index, start, count } = set
    const wasOff = this.#index === null
    if (wasOff) {
      if (start + count === 0) throw new Errno('ERANGE')
      this.#index = index
      this.#sinks = new Array<null>(start + count).fill(null)
    }
    if (!this.#grows && start + count > this.#sinks.length) throw new Errno('EINVAL')
    let vector = start
    try {
      for (const eventfd of eachEventfd(set)) this.#tieOne(vector++, eventfd)
    } catch (error) {
      this.#sinks.fill(null, start, vector + 1)
      if (wasOff) this.disable()
      throw error
    }
  }

  /** A test shot at each vector that the request names; one without an eventfd is passed over. */
  loopBack(set: IrqSetRequest): void {
    const { start, count } = set
    const isBeyond = !this.#grows && start + count > this.#sinks.length
    if (this.#index === null || isBeyond) throw new Errno('EINVAL')
    for (let nth = 0; nth < count; nth++) if (isTriggered(set, nth)) this.signal(start + nth)
  }

  /** To a vector past those that were set up, no eventfd is nothing, and one takes MSI-X. */
  #tieOne(vector: number, eventfd: EventSink | null): void {
    if (vector >= this.#sinks.length && eventfd !== null) {
      if (this.#index !== pciIrqIndex.VFIO_PCI_MSIX_IRQ_INDEX) throw new Errno('EINVAL')
      this.#sinks.push(...new Array<null>(vector + 1 - this.#sinks.length).fill(null))
    }
    if (vector < this.#sinks.length) this.#sinks[vector] = eventfd
  }

  disable(): void {
    this.#index = null
    this.#sinks = []
  }
}
