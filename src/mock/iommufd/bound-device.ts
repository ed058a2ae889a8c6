import type { DmaMappings } from '../memory/dma-mappings.ts'

/** A device while it is bound to an iommufd, of which it is an object with a number. */
export interface BoundDevice {
  readonly id: number
  /** Its driver looks for the number of a process's address space if a call says that one is there. */
  readonly asksForPasid: boolean
  /** Memory that it can reach; null while it is attached to nothing. */
  readonly space: DmaMappings | null
  /**
   * To an IOAS or a page table, by its number, from wherever it is attached. Returns the number of what it is in then.
   */
  attach(id: number): number
  /** Nothing if it is not attached. */
  detach(): void
  unbind(): void
}
