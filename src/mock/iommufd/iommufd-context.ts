import type { Ioas } from './ioas.ts'
import type { ObjectTable } from './object-table.ts'

/** What its commands see of an iommufd. */
export interface IommufdContext {
  readonly objects: ObjectTable
  /** ENOENT where the object is another, or none. */
  ioas(id: number): Ioas
  /** Returns the number of the new one. */
  allocateIoas(): number
  /** The IOAS behind the calls of a container. */
  compat: Ioas | null
  /** Its number. ENODEV where there is none. */
  readonly compatId: number
  /** A group without an IOMMU is in it as in a container. */
  readonly isNoiommu: boolean
  /** Memory is charged to the user (0), or to the process (1). EBUSY to set it once there is any object. */
  rlimitMode: bigint
}
