import type { Uuid } from '../units.ts'

/** A kind of mediated device that a parent offers: /sys/class/mdev_bus/PARENT/mdev_supported_types/TYPE. */
export interface MdevType {
  readonly kind: 'mdev'
  readonly parent: string
  readonly type: string
  /** The name for people ('GRID T4-1B'), or null. */
  readonly name: string | null
  /** 'vfio-pci', 'vfio-ccw', 'vfio-ap', …; null where the driver says none. */
  readonly deviceApi: string | null
  /** How many more can be made; null where the driver says nothing readable. */
  readonly available: number | null
  /** The driver's own text, lines and all, or null. */
  readonly description: string | null
  readonly details: TypeDetails
  /** The devices of this type that exist. */
  readonly devices: readonly Uuid[]
}

/** What can be read out of a vendor's description; null for what it does not say. */
export interface TypeDetails {
  readonly framebufferMiB: number | null
  /** 'WIDTHxHEIGHT' */
  readonly maxResolution: string | null
  readonly heads: number | null
  readonly maxInstances: number | null
}
