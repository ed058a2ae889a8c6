import { deviceOrder } from '../../base/byte-order.ts'
import { extendedCapabilityIds } from '../../uapi/pci.ts'

const extendedStart = 0x100
const serialBytes = 8
/** More than fit. */
const mostCapabilities = 1000

/** The bytes of a configuration space with zeros for the device's serial number, if it tells one. */
export function withoutSerialNumber(bytes: Buffer): Buffer {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = extendedStart
  for (let seen = 0; seen < mostCapabilities && at >= extendedStart && at + 4 <= bytes.length; seen++) {
    const header = view.getUint32(at, deviceOrder)
    if ((header & 0xffff) === extendedCapabilityIds['device-serial-number'].id)
      bytes.fill(0, at + 4, at + 4 + serialBytes)
    at = (header >>> 20) & 0xffc
  }
  return bytes
}
