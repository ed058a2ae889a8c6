import { Errno } from '../base/errno.ts'
import type { EventSink } from './device-model.ts'

/** INTx of one function: a level, which masks itself whenever it has signalled. */
export class IntxLine {
  readonly #isOff: () => boolean
  #isAsserted = false
  #trigger: EventSink | null = null
  #isMasked = false
  #stopUnmasking: (() => void) | null = null
  #isEnabled = false

  /** `isOff`: the command register keeps the function from using INTx. */
  constructor(isOff: () => boolean) {
    this.#isOff = isOff
  }

  get isEnabled(): boolean {
    return this.#isEnabled
  }

  get isAsserted(): boolean {
    return this.#isAsserted
  }

  /** Level that the function sets. */
  set level(isAsserted: boolean) {
    this.#isAsserted = isAsserted
    this.look()
  }

  /** Signals if it is asserted and nothing keeps it from that. */
  look(): void {
    if (!this.#isEnabled || !this.#isAsserted || this.#isMasked || this.#isOff()) return
    this.#isMasked = true
    this.#trigger?.signal()
  }

  /** With another eventfd if it is enabled already; null for none. */
  enable(trigger: EventSink | null): void {
    this.#trigger = trigger
    if (!this.#isEnabled) this.#isMasked = false
    this.#isEnabled = true
    this.look()
  }

  disable(): void {
    this.unmaskBy(null)
    this.#isEnabled = false
    this.#trigger = null
  }

  setMasked(isMasked: boolean): void {
    this.#isMasked = isMasked
    this.look()
  }

  /** Each event of this one unmasks it, until it is closed: EBUSY if another does; null ends that. */
  unmaskBy(eventfd: EventSink | null): void {
    if (eventfd !== null && this.#stopUnmasking !== null) throw new Errno('EBUSY')
    this.#stopUnmasking?.()
    const forget = () => {
      this.#stopUnmasking = null
    }
    forget()
    if (eventfd !== null) this.#stopUnmasking = eventfd.consume(() => this.setMasked(false), forget)
  }

  /** A test shot, which masks nothing. */
  loopBack(): void {
    if (!this.#isOff()) this.#trigger?.signal()
  }
}
