import type { PciAddress } from '../../../base/units.ts'
import type { VirtualDevice } from '../../device/virtual-device.ts'
import type { PlannedDevice } from '../../wanted/plan.ts'
import { type FunctionIdentity, functionIdentity, isFunctionOf } from '../card-function/function-identity.ts'

/** A vendor's vGPU: a virtual function that was given a type. */
export type VgpuIdentity = FunctionIdentity<'vgpu'>

/** Its type is as the spec has it if only its card's future functions will tell the id. */
export type PlannedVgpu = PlannedDevice<VgpuIdentity>

/** The identity of a vGPU. */
export function vgpuIdentity(address: PciAddress): VgpuIdentity {
  return functionIdentity('vgpu', address)
}

/** True for a vendor's vGPU. */
export function isVgpu(device: VirtualDevice): device is VirtualDevice<VgpuIdentity> {
  return isFunctionOf('vgpu', device)
}
