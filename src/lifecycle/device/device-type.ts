import type { PciAddress, Uuid } from '../../base/units.ts'
import type { DeviceIdentity } from '../change/device-identity.ts'

/** Details read out of a vendor's description; null for what it does not say. */
export interface TypeDetails {
  readonly framebufferMiB: number | null
  /** 'WIDTHxHEIGHT' */
  readonly maxResolution: string | null
  readonly heads: number | null
  readonly maxInstances: number | null
}

/** A type of virtual device that a card of this host offers. */
export interface DeviceType {
  readonly kind: DeviceIdentity['kind']
  /** The parent, or the card whose functions take it. */
  readonly parent: string
  readonly type: string
  /** The name for people ('GRID T4-1B'), or null. */
  readonly name: string | null
  /** 'vfio-pci', 'vfio-ccw', 'vfio-ap', …; null if the driver says none. */
  readonly deviceApi: string | null
  /** The number that can still be made; null if the driver says nothing readable. */
  readonly available: number | null
  /** The most that can still be made, of a driver that says only which functions take one. */
  readonly availableAtMost?: number
  /** The driver's own text, lines and all, or null. */
  readonly description: string | null
  readonly details: TypeDetails
  /** The devices of this type that exist. */
  readonly devices: readonly (Uuid | PciAddress)[]
}

/** Types to show; all if empty. */
export interface TypeFilter {
  /** A card stands for its virtual functions too. */
  readonly parent?: string
  readonly type?: string
}
