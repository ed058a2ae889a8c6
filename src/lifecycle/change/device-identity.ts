import type { PciAddress, Uuid } from '../../base/units.ts'

/** What tells virtual devices apart: a mediated device's UUID, or the PCI address of the function that is a vGPU. */
export type DeviceIdentity = MdevIdentity | VgpuIdentity

/** A mediated device, which its UUID names. */
export interface MdevIdentity {
  readonly kind: 'mdev'
  readonly name: Uuid
  readonly uuid: Uuid
}

/** A vendor's vGPU: a virtual function that was given a type. It has no UUID, and its address is used again after it. */
export interface VgpuIdentity {
  readonly kind: 'vgpu'
  readonly name: PciAddress
  readonly uuid: null
}

/** The identity of a mediated device. */
export function mdevIdentity(uuid: Uuid): MdevIdentity {
  return { kind: 'mdev', name: uuid, uuid }
}

/** The identity of a vGPU. */
export function vgpuIdentity(address: PciAddress): VgpuIdentity {
  return { kind: 'vgpu', name: address, uuid: null }
}
