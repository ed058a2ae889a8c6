import { Errno } from '../base/errno.ts'
import { lowestFree } from '../state/state.ts'

/** The objects of one iommufd by their numbers, from 1: a new one takes the lowest that is free. */
export class ObjectTable {
  readonly #objects = new Map<number, object>()

  add(object: object): number {
    const id = lowestFree(this.#objects.keys(), 1)
    this.#objects.set(id, object)
    return id
  }

  /** ENOENT where there is none. */
  get(id: number): object {
    const object = this.#objects.get(id)
    if (object === undefined) throw new Errno('ENOENT')
    return object
  }

  delete(id: number): void {
    this.#objects.delete(id)
  }

  /** By number. */
  [Symbol.iterator](): IterableIterator<[number, object]> {
    return [...this.#objects].sort(([a], [b]) => a - b).values()
  }
}
