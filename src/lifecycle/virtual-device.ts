import type { DeviceUser } from '../host/device-users.ts'
import type { Uuid } from '../units.ts'
import type { Definition } from './definition.ts'

/** A virtual device: what exists now and what is defined, told together. */
export interface VirtualDevice {
  readonly kind: 'mdev'
  readonly uuid: Uuid
  readonly parent: string
  /** The running device's type; the defined one where none runs. */
  readonly type: string
  /** The type's name for people, or null. */
  readonly typeName: string | null
  readonly active: boolean
  /** What is stored for it under this parent, or null: a transient device. */
  readonly definition: Definition | null
  /** IOMMU group, and the node that opens it; null where it is not active. */
  readonly group: number | null
  readonly node: string | null
  /** Processes that hold it open. */
  readonly users: readonly DeviceUser[]
}
