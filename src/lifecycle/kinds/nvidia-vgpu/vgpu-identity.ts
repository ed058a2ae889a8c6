import type { PciAddress } from '../../../base/units.ts'
import type { DeviceIdentity } from '../../change/device-identity.ts'
import type { VirtualDevice } from '../../device/virtual-device.ts'
import type { PlannedDevice } from '../../wanted/plan.ts'

/** A vendor's vGPU: a virtual function that was given a type. It has no UUID, and its address is used again after it. */
export interface VgpuIdentity extends DeviceIdentity {
  readonly kind: 'vgpu'
  readonly name: PciAddress
  readonly uuid: null
}

/** Its type is as the spec has it if only its card's future functions will tell the id. */
export type PlannedVgpu = PlannedDevice<VgpuIdentity>

/** The identity of a vGPU. */
export function vgpuIdentity(address: PciAddress): VgpuIdentity {
  return { kind: 'vgpu', name: address, uuid: null }
}

/** True for a vendor's vGPU. */
export function isVgpu(device: VirtualDevice): device is VirtualDevice<VgpuIdentity> {
  return device.kind === 'vgpu'
}
