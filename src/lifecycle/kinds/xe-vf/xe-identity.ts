import type { PciAddress } from '../../../base/units.ts'
import type { VirtualDevice } from '../../device/virtual-device.ts'
import type { PlannedDevice } from '../../wanted/plan.ts'
import { type FunctionIdentity, functionIdentity, isFunctionOf } from '../card-function/function-identity.ts'

/** A virtual function of an Intel GPU that has a share of it, which stands for its type: 'vram=8GiB,quantum=10ms'. */
export type XeIdentity = FunctionIdentity<'xe-vf'>

/** The change that a spec asks of one such function. */
export type PlannedXe = PlannedDevice<XeIdentity>

/** The identity of a function with a share. */
export function xeIdentity(address: PciAddress): XeIdentity {
  return functionIdentity('xe-vf', address)
}

/** True for a function of an Intel GPU. */
export function isXe(device: VirtualDevice): device is VirtualDevice<XeIdentity> {
  return isFunctionOf('xe-vf', device)
}
