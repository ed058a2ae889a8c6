import { channelOrder } from '../../base/byte-order.ts'
import { bitsOf, type ChannelFlags, flagsOf } from './bits.ts'

/** Bytes of a command-mode operation-request block (ORB). */
export const orbSize = 12

/**
 * The flags in the second word of struct cmd_orb (drivers/s390/cio/orb.h); `transportMode` is the b of struct tm_orb.
 */
export const orbFlag = {
  suspend: 0x0800_0000,
  modification: 0x0200_0000,
  synchronize: 0x0100_0000,
  format1: 0x0080_0000,
  prefetch: 0x0040_0000,
  initialStatus: 0x0020_0000,
  addressLimit: 0x0010_0000,
  suppressSuspended: 0x0008_0000,
  transportMode: 0x0004_0000,
  idaw64: 0x0002_0000,
  idaw2k: 0x0001_0000,
  suppressLength: 0x0000_0080,
} as const

/** struct cmd_orb: what START SUBCHANNEL is told. */
export interface OperationRequest {
  /** Any number; the kernel puts its own in its place. */
  readonly interruptionParameter: number
  /** The storage key, 4 bits. */
  readonly key: number
  /** The channel paths that may be used, a bit for each, path 0 the highest; 0 for all that work. */
  readonly paths: number
  /** The address of the first command. */
  readonly program: number
  readonly flags: ChannelFlags<typeof orbFlag>
}

/** The block as bytes. */
export function encodeOrb(
  request: Omit<OperationRequest, 'flags'> & { readonly flags: Partial<OperationRequest['flags']> },
): Uint8Array {
  const { interruptionParameter, key, paths, program, flags } = request
  const view = new DataView(new ArrayBuffer(orbSize))
  view.setUint32(0, interruptionParameter, channelOrder)
  view.setUint32(4, (key << 28) | bitsOf(orbFlag, flags) | (paths << 8), channelOrder)
  view.setUint32(8, program, channelOrder)
  return new Uint8Array(view.buffer)
}

/** The block at the start of these bytes. */
export function decodeOrb(bytes: Uint8Array): OperationRequest {
  const view = new DataView(bytes.buffer, bytes.byteOffset, orbSize)
  const word = view.getUint32(4, channelOrder)
  return {
    interruptionParameter: view.getUint32(0, channelOrder),
    key: word >>> 28,
    paths: (word >>> 8) & 0xff,
    program: view.getUint32(8, channelOrder),
    flags: flagsOf(orbFlag, word),
  }
}
