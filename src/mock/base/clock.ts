interface Alarm {
  readonly due: number
  readonly work: () => void
}

/**
 * A machine's time, in milliseconds since it was made. It goes with the real one until it is held; from then on only
 * `advance` moves it. Timers keep no process alive.
 */
export class Clock {
  readonly #alarms = new Set<Alarm>()
  #timer: NodeJS.Timeout | null = null
  #isHeld = false
  /** Machine time at `#since`, which is real time. */
  #at = 0
  #since: number = performance.now()

  /** The machine's time in milliseconds. */
  get now(): number {
    return this.#isHeld ? this.#at : this.#at + performance.now() - this.#since
  }

  /** True while the time stands still. */
  get isHeld(): boolean {
    return this.#isHeld
  }

  /** Stops the time. */
  hold(): void {
    this.#at = this.now
    this.#isHeld = true
    this.#schedule()
  }

  /**
   * Lets `milliseconds` pass at once, or as much of it as it takes until `isEnough`: what is due by then happens in its
   * order, each at its own time.
   */
  advance(milliseconds: number, isEnough: () => boolean = () => false): void {
    const end = this.now + milliseconds
    while (!isEnough()) {
      const next = this.#next(end)
      this.#moveTo(Math.max(next?.due ?? end, this.now))
      if (next === null) break
      this.#alarms.delete(next)
      next.work()
    }
    this.#schedule()
  }

  /** Does `work` in `milliseconds`; returns how to call it off. */
  after(milliseconds: number, work: () => void): () => void {
    const alarm = { due: this.now + milliseconds, work }
    this.#alarms.add(alarm)
    this.#schedule()
    return () => {
      this.#alarms.delete(alarm)
    }
  }

  /** Nothing that waits happens any more. */
  dispose(): void {
    this.#alarms.clear()
    this.#schedule()
  }

  #moveTo(now: number): void {
    this.#at = now
    this.#since = performance.now()
  }

  /** Earliest alarm due by `end`, or null; of several at one time, the one that was set first. */
  #next(end: number): Alarm | null {
    let first: Alarm | null = null
    for (const alarm of this.#alarms) if (alarm.due <= end && (first === null || alarm.due < first.due)) first = alarm
    return first
  }

  #schedule(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    const next = this.#isHeld ? null : this.#next(Number.POSITIVE_INFINITY)
    if (next === null) return
    this.#timer = setTimeout(() => this.advance(0), Math.min(Math.max(0, Math.ceil(next.due - this.now)), 2 ** 31 - 1))
    this.#timer.unref()
  }
}
