import type { DeviceUser } from '../../host/device-users.ts'
import type { DeviceIdentity } from '../change/device-identity.ts'
import type { Definition } from '../definition/definition.ts'

/** A virtual device: what exists now and what is defined, told together. */
export type VirtualDevice<Identity extends DeviceIdentity = DeviceIdentity> = Identity &
  DeviceState & {
    /** Processes that hold it open. */
    readonly users: readonly DeviceUser[]
  }

/** A virtual device, running or defined, without its name. */
export interface DeviceState {
  /** The card: of a vGPU, its physical function. */
  readonly parent: string
  /** The running device's type; the defined one if none runs. */
  readonly type: string
  /** The type's name for people, or null. */
  readonly typeName: string | null
  readonly active: boolean
  /** Its stored definition under this parent; null if it is transient. */
  readonly definition: Definition | null
  /** IOMMU group, and the node that opens it; null if it is not active. */
  readonly group: number | null
  readonly node: string | null
}

/** A device whose users are entered once all devices are known, and the names by which they show. */
export interface Listed<Identity extends DeviceIdentity> {
  readonly device: VirtualDevice<Identity> & { readonly users: DeviceUser[] }
  readonly openedAs: readonly string[]
}
