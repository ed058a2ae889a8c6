import type { Uuid } from '../../../base/units.ts'
import type { DeviceIdentity } from '../../change/device-identity.ts'
import type { VirtualDevice } from '../../device/virtual-device.ts'
import type { PlannedDevice } from '../../wanted/plan.ts'

/** A mediated device, which its UUID names. */
export interface MdevIdentity extends DeviceIdentity {
  readonly kind: 'mdev'
  readonly name: Uuid
  readonly uuid: Uuid
}

/** A mediated device in a plan. */
export type PlannedMdev = PlannedDevice<MdevIdentity>

/** The identity of a mediated device. */
export function mdevIdentity(uuid: Uuid): MdevIdentity {
  return { kind: 'mdev', name: uuid, uuid }
}

/** True for a mediated device. */
export function isMdev(device: VirtualDevice): device is VirtualDevice<MdevIdentity> {
  return device.kind === 'mdev'
}
