import { Errno } from '../base/errno.ts'
import type { DmaMappings } from '../memory/dma-mappings.ts'
import type { BoundDevice } from './bound-device.ts'
import { Ioas } from './ioas.ts'
import type { ObjectTable } from './iommufd-context.ts'

/** A mediated device: its driver reaches the memory of the IOAS that it is attached to, and no page table is made. */
export class MediatedDevice implements BoundDevice {
  readonly id: number
  readonly asksForPasid = false
  readonly #objects: ObjectTable
  readonly #release: () => void
  #ioas: Ioas | null = null

  /** `release`: it is no user of its iommufd any more. */
  constructor(objects: ObjectTable, release: () => void) {
    this.#objects = objects
    this.#release = release
    this.id = objects.add(this)
  }

  get space(): DmaMappings | null {
    return this.#ioas?.mappings ?? null
  }

  attach(id: number): number {
    const ioas = this.#objects.get(id)
    if (!(ioas instanceof Ioas)) throw new Errno('ENOENT')
    if (ioas !== this.#ioas) {
      ioas.addAccess(this)
      this.detach()
      this.#ioas = ioas
    }
    return id
  }

  detach(): void {
    this.#ioas?.removeAccess(this)
    this.#ioas = null
  }

  unbind(): void {
    this.detach()
    this.#objects.delete(this.id)
    this.#release()
  }
}
