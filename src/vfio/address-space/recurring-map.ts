/**
 * A Map for keys that come and go again and again, as addresses do: V8 keeps what was deleted from a Map until it makes
 * the whole of it anew, and looks for a key through all that was ever deleted of it. Here a deleted key keeps its
 * place, until there are more such than others.
 */
export class RecurringMap<Key, Value extends NonNullable<unknown>> {
  #values = new Map<Key, Value | null>()
  #size = 0

  get size(): number {
    return this.#size
  }

  get(key: Key): Value | undefined {
    return this.#values.get(key) ?? undefined
  }

  set(key: Key, value: Value): void {
    if (this.get(key) === undefined) this.#size++
    this.#values.set(key, value)
  }

  delete(key: Key): void {
    if (this.get(key) === undefined) return
    this.#values.set(key, null)
    this.#size--
    if (this.#values.size > 2 * this.#size + 16) this.#values = new Map(this)
  }

  clear(): void {
    this.#values.clear()
    this.#size = 0
  }

  *[Symbol.iterator](): Generator<[Key, Value]> {
    for (const [key, value] of this.#values) if (value !== null) yield [key, value]
  }
}
