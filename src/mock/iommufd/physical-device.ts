import { Errno } from '../base/errno.ts'
import type { DmaMappings } from '../memory/dma-mappings.ts'
import type { BoundDevice } from './bound-device.ts'
import { Ioas } from './ioas.ts'
import type { ObjectTable } from './iommufd-context.ts'
import { deviceWindows, PageTable } from './page-table.ts'

/** The devices of an IOMMU group that are bound to one iommufd: an IOMMU translates for all of them alike. */
export class BoundGroup {
  pageTable: PageTable | null = null
  readonly attached: Set<PhysicalDevice> = new Set()
}

/** A device behind an IOMMU, or one without, which has a group of its own. */
export class PhysicalDevice implements BoundDevice {
  readonly id: number
  readonly asksForPasid = true
  readonly #objects: ObjectTable
  readonly #group: BoundGroup
  readonly #isNoiommu: boolean
  readonly #release: () => void

  /** `release`: it is no user of its iommufd any more, nor an owner of its group. */
  constructor(
    objects: ObjectTable,
    { group, isNoiommu, release }: { group: BoundGroup; isNoiommu: boolean; release: () => void },
  ) {
    this.#objects = objects
    this.#group = group
    this.#isNoiommu = isNoiommu
    this.#release = release
    this.id = objects.add(this)
  }

  get isNoiommu(): boolean {
    return this.#isNoiommu
  }

  get space(): DmaMappings | null {
    return this.#isAttached ? (this.#group.pageTable?.ioas.mappings ?? null) : null
  }

  attach(id: number): number {
    const target = this.#objects.get(id)
    if (target instanceof PageTable) {
      this.#enter(target)
      return id
    }
    if (!(target instanceof Ioas)) throw new Errno('EINVAL')
    for (const [there, object] of this.#objects) {
      if (!(object instanceof PageTable) || object.ioas !== target || !object.isAutomatic) continue
      if (!this.#fits(object)) continue
      this.#enter(object)
      return there
    }
    const pageTable = new PageTable(target, { isAutomatic: true, isNoiommu: this.#isNoiommu })
    const made = this.#objects.add(pageTable)
    try {
      this.#enter(pageTable)
    } catch (error) {
      this.#objects.delete(made)
      pageTable.destroy()
      throw error
    }
    return made
  }

  detach(): void {
    const { pageTable, attached } = this.#group
    if (pageTable === null || !attached.delete(this)) return
    pageTable.ioas.unreserve(this)
    pageTable.users--
    if (attached.size === 0) this.#group.pageTable = null
    this.#destroyUnused(pageTable)
  }

  unbind(): void {
    this.detach()
    this.#objects.delete(this.id)
    this.#release()
  }

  get #isAttached(): boolean {
    return this.#group.attached.has(this)
  }

  /** A group that is attached already stays where it is, unless one of its devices that are attached moves it. */
  #fits(pageTable: PageTable): boolean {
    const isElsewhere = this.#group.pageTable !== null && this.#group.pageTable !== pageTable
    return pageTable.isNoiommu === this.#isNoiommu && (this.#isAttached || !isElsewhere)
  }

  #enter(pageTable: PageTable): void {
    if (!this.#fits(pageTable)) throw new Errno('EINVAL')
    if (this.#isAttached) this.#moveGroup(pageTable)
    else {
      this.#reserve(pageTable, [this])
      this.#group.pageTable = pageTable
      this.#group.attached.add(this)
      pageTable.users++
    }
  }

  #moveGroup(pageTable: PageTable): void {
    const { pageTable: old, attached } = this.#group
    if (old === null || old === pageTable) return
    if (old.ioas !== pageTable.ioas) {
      this.#reserve(pageTable, [...attached])
      for (const device of attached) old.ioas.unreserve(device)
    }
    this.#group.pageTable = pageTable
    pageTable.users += attached.size
    old.users -= attached.size
    this.#destroyUnused(old)
  }

  /** EADDRINUSE if something is mapped, or allowed, in what the devices cannot use. */
  #reserve({ ioas }: PageTable, devices: readonly PhysicalDevice[]): void {
    if (this.#isNoiommu) return
    const done: PhysicalDevice[] = []
    try {
      for (const device of devices) {
        ioas.reserve(device, deviceWindows)
        done.push(device)
      }
    } catch (error) {
      for (const device of done) ioas.unreserve(device)
      throw error
    }
  }

  #destroyUnused(pageTable: PageTable): void {
    if (!pageTable.isAutomatic || pageTable.users > 0) return
    for (const [id, object] of this.#objects) if (object === pageTable) this.#objects.delete(id)
    pageTable.destroy()
  }
}
