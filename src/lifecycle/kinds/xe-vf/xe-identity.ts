import type { PciAddress } from '../../../base/units.ts'
import type { DeviceIdentity } from '../../change/device-identity.ts'
import type { VirtualDevice } from '../../device/virtual-device.ts'
import type { PlannedDevice } from '../../wanted/plan.ts'

/** A virtual function of an Intel GPU that has a share of it, which stands for its type: 'vram=8GiB,quantum=10ms'. */
export interface XeIdentity extends DeviceIdentity {
  readonly kind: 'xe-vf'
  readonly name: PciAddress
  readonly uuid: null
}

/** The change that a spec asks of one such function. */
export type PlannedXe = PlannedDevice<XeIdentity>

/** The identity of a function with a share. */
export function xeIdentity(address: PciAddress): XeIdentity {
  return { kind: 'xe-vf', name: address, uuid: null }
}

/** True for a function of an Intel GPU. */
export function isXe(device: VirtualDevice): device is VirtualDevice<XeIdentity> {
  return device.kind === 'xe-vf'
}
