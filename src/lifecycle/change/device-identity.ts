import type { PciAddress, Uuid } from '../../base/units.ts'

/** The kind and name that tell virtual devices apart. */
export interface DeviceIdentity {
  /** A row of `kinds/kinds.ts`: 'mdev', 'vgpu'. */
  readonly kind: string
  /** A mediated device's UUID, or the PCI address of the function that is a vGPU. */
  readonly name: Uuid | PciAddress
  /** The name again, or null if it is not a UUID. */
  readonly uuid: Uuid | null
}
