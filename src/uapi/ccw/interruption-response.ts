import { channelOrder } from '../../base/byte-order.ts'
import { decodeScsw, encodeScsw, type SubchannelStatus, type SubchannelStatusParts } from './subchannel-status.ts'

/** Bytes of an interruption-response block (IRB), as struct ccw_io_region has it. */
const irbSize = 96

/** The extended-report word, and the bytes for the device's own, in struct irb (arch/s390/include/asm/cio.h). */
const erwOffset = 16
const ecwOffset = 32
const ecwSize = 32
/** In the extended-report word: concurrent sense, and its count. */
const concurrentSense = 1 << 24
const senseCountShift = 16

/** The interruption-response block of an I/O interrupt: the subchannel-status word, and the sense with it. */
export interface InterruptionResponse extends SubchannelStatus {
  /** Sense bytes that came with a unit check, at most 32; null if the device keeps them for a BASIC SENSE. */
  readonly sense: Uint8Array | null
  /** The block whole, 96 bytes. */
  readonly bytes: Uint8Array
}

/** The block at the start of these bytes. */
export function decodeIrb(bytes: Uint8Array): InterruptionResponse {
  const view = new DataView(bytes.buffer, bytes.byteOffset, irbSize)
  const report = view.getUint32(erwOffset, channelOrder)
  // QEMU leaves out the count, which is never 0 of hardware
  const senseCount = Math.min((report >>> senseCountShift) & 0x3f || ecwSize, ecwSize)
  const hasSense = (report & concurrentSense) !== 0
  return {
    ...decodeScsw(bytes),
    sense: hasSense ? new Uint8Array(bytes.subarray(ecwOffset, ecwOffset + senseCount)) : null,
    bytes: new Uint8Array(bytes.subarray(0, irbSize)),
  }
}

/** The block as bytes; `sense` is of at most 32. */
export function encodeIrb(status: SubchannelStatusParts, sense: Uint8Array | null): Uint8Array {
  const bytes = new Uint8Array(irbSize)
  bytes.set(encodeScsw(status))
  if (sense !== null) {
    const report = concurrentSense | (sense.length << senseCountShift)
    new DataView(bytes.buffer).setUint32(erwOffset, report, channelOrder)
    bytes.set(sense, ecwOffset)
  }
  return bytes
}
