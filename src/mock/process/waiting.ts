import { Errno } from '../base/errno.ts'

/** Milliseconds between looks at other processes' doings. */
const interval = 20

interface Waiter {
  readonly condition: () => boolean
  readonly resolve: () => void
  readonly reject: (reason: unknown) => void
}

/** Calls that block: each a promise that keeps Node alive until its condition holds. */
export class Waiting {
  readonly #waiters = new Set<Waiter>()
  #timer: NodeJS.Timeout | null = null

  until(condition: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiters.add({ condition, resolve, reject })
      this.#timer ??= setInterval(() => this.look(), interval)
      this.look()
    })
  }

  look(): void {
    for (const waiter of [...this.#waiters]) {
      try {
        if (!waiter.condition()) continue
        waiter.resolve()
      } catch (error) {
        waiter.reject(error)
      }
      this.#waiters.delete(waiter)
    }
    this.#stopIfIdle()
  }

  /** Interrupts the calls that still wait. */
  dispose(): void {
    for (const waiter of this.#waiters) waiter.reject(new Errno('EINTR'))
    this.#waiters.clear()
    this.#stopIfIdle()
  }

  #stopIfIdle(): void {
    if (this.#waiters.size > 0 || this.#timer === null) return
    clearInterval(this.#timer)
    this.#timer = null
  }
}
