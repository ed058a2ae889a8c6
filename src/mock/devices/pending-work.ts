import type { Clock } from '../base/clock.ts'

/** Milliseconds that a device takes. */
const delay = 1
/** Looks at the device that count as that wait: a loop that polls gives timers no turn. */
const looks = 100

/** Something that a device does by itself, some time after it was told. */
export class PendingWork {
  readonly #clock: Clock
  #work: (() => void) | null = null
  #callOff: () => void = () => {}
  #looks = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  start(work: () => void): void {
    this.drop()
    this.#work = work
    this.#looks = 0
    this.#callOff = this.#clock.after(delay, () => this.finish())
  }

  passTime(): void {
    if (this.#work !== null && !this.#clock.isHeld && ++this.#looks >= looks) this.finish()
  }

  finish(): void {
    const work = this.#work
    this.drop()
    work?.()
  }

  drop(): void {
    this.#callOff()
    this.#work = null
  }
}
