import type { PciAddress } from '../../../base/units.ts'
import type { DeviceIdentity } from '../../change/device-identity.ts'
import type { VirtualDevice } from '../../device/virtual-device.ts'

/**
 * A virtual function of a card with its part of it, as a type or as a share. It has no UUID, and its address is used
 * again.
 */
export interface FunctionIdentity<Kind extends string> extends DeviceIdentity {
  readonly kind: Kind
  readonly name: PciAddress
  readonly uuid: null
}

/** The identity of such a function. */
export function functionIdentity<Kind extends string>(kind: Kind, name: PciAddress): FunctionIdentity<Kind> {
  return { kind, name, uuid: null }
}

/** True for such a function of that kind. */
export function isFunctionOf<Kind extends string>(
  kind: Kind,
  device: VirtualDevice,
): device is VirtualDevice<FunctionIdentity<Kind>> {
  return device.kind === kind
}
