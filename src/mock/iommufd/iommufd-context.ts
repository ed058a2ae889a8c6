import { Errno } from '../base/errno.ts'
import { lowestFree } from '../state/state.ts'
import type { Ioas } from './ioas.ts'

/** The objects of one iommufd by their numbers, from 1: a new one takes the lowest that is free. */
export class ObjectTable {
  readonly #objects = new Map<number, object>()

  add(object: object): number {
    const id = lowestFree(this.#objects.keys(), 1)
    this.#objects.set(id, object)
    return id
  }

  /** ENOENT if there is none. */
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

/** An iommufd, as its commands see it. */
export interface IommufdContext {
  readonly objects: ObjectTable
  /** ENOENT if the object is another, or none. */
  ioas(id: number): Ioas
  /** Returns the number of the new one. */
  allocateIoas(): number
  /** The IOAS behind the calls of a container. */
  compat: Ioas | null
  /** Its number. ENODEV if there is none. */
  readonly compatId: number
  /** A group without an IOMMU is in it as in a container. */
  readonly isNoiommu: boolean
  /** Memory is charged to the user (0), or to the process (1). EBUSY to set it once there is any object. */
  rlimitMode: bigint
}
