/** A set in which each thing is as often as it was added. */
export class CountedSet<T> {
  readonly #counts = new Map<T, number>()

  get size(): number {
    return this.#counts.size
  }

  has(thing: T): boolean {
    return this.#counts.has(thing)
  }

  add(thing: T): void {
    this.#counts.set(thing, (this.#counts.get(thing) ?? 0) + 1)
  }

  remove(thing: T): void {
    const left = (this.#counts.get(thing) ?? 0) - 1
    if (left > 0) this.#counts.set(thing, left)
    else this.#counts.delete(thing)
  }

  /** Each once. */
  values(): IterableIterator<T> {
    return this.#counts.keys()
  }
}
