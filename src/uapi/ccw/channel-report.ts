import { channelOrder } from '../../base/byte-order.ts'
import { type ChannelFlags, flagsOf } from './bits.ts'

/** Flags of struct crw (arch/s390/include/asm/crw.h). */
const crwFlag = { solicited: 0x4000_0000, overflow: 0x2000_0000, chained: 0x1000_0000, ancillary: 0x0080_0000 } as const

/** A channel-report word (CRW): what changed in the channel subsystem. The kernel tells of channel paths. */
export interface ChannelReport {
  /** CRW_RSC_*: 3 a subchannel, 4 a channel path, 9 a configuration alert, 11 the channel subsystem. */
  readonly source: number
  /** CRW_ERC_*: 0 an event, 1 available, 2 initialized, 3 a temporary error, 5 terminal, 6 permanent: it is gone. */
  readonly recovery: number
  /** Of the source: the identifier of a channel path. */
  readonly id: number
  readonly flags: ChannelFlags<typeof crwFlag>
}

/** The word at the start of these bytes; null for zero, which is none. */
export function decodeCrw(bytes: Uint8Array): ChannelReport | null {
  const word = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, channelOrder)
  if (word === 0) return null
  return {
    source: (word >>> 24) & 0xf,
    recovery: (word >>> 16) & 0x3f,
    id: word & 0xffff,
    flags: flagsOf(crwFlag, word),
  }
}
