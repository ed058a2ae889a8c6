/** How long a device takes, in milliseconds. */
const delay = 1
/** Who looks at the device so many times has waited as long: a loop that polls gives timers no turn. */
const looks = 100

/** Something that a device does by itself, some time after it was told. It keeps no process alive. */
export class PendingWork {
  #work: (() => void) | null = null
  #timer: NodeJS.Timeout | null = null
  #looks = 0

  start(work: () => void): void {
    this.drop()
    this.#work = work
    this.#looks = 0
    this.#timer = setTimeout(() => this.finish(), delay)
    this.#timer.unref()
  }

  passTime(): void {
    if (this.#work !== null && ++this.#looks >= looks) this.finish()
  }

  finish(): void {
    const work = this.#work
    this.drop()
    work?.()
  }

  drop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    this.#work = null
  }
}
