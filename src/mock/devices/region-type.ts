import { regionCapability, vfioRegionInfoCapType } from '../../uapi/region.ts'
import { encode, encodeInto, vfioInfoCapHeader } from '../../uapi/struct.ts'

/** The capability of a device-specific region that says what it is: the only one in its chain. */
export function typeCapability(type: number, subtype: number): Uint8Array {
  const bytes = encode(vfioRegionInfoCapType, { type, subtype })
  encodeInto(vfioInfoCapHeader, bytes, { id: regionCapability.VFIO_REGION_INFO_CAP_TYPE, version: 1 })
  return bytes
}
