import { channelOrder } from '../../base/byte-order.ts'
import { bitsOf, type ChannelFlags, flagsOf } from './bits.ts'

/** Bytes of a channel command word. */
export const ccwSize = 8

/** CCW_FLAG_* (arch/s390/include/asm/cio.h). */
export const ccwFlag = {
  chainData: 0x80,
  chainCommand: 0x40,
  suppressLength: 0x20,
  skip: 0x10,
  interrupt: 0x08,
  indirect: 0x04,
  suspend: 0x02,
} as const

/** CCW_CMD_*: commands that every device knows, and the transfer in channel. */
export const ccwCommand = {
  CCW_CMD_NOOP: 0x03,
  CCW_CMD_BASIC_SENSE: 0x04,
  CCW_CMD_TIC: 0x08,
  CCW_CMD_SENSE_ID: 0xe4,
} as const

/** struct ccw1: a channel command word of format 1, with its flags. */
export interface CommandWord {
  readonly command: number
  /** Bytes of data. */
  readonly count: number
  /** Of the data, or of the next command for a transfer in channel. */
  readonly address: number
  readonly flags: ChannelFlags<typeof ccwFlag>
}

/** The words of a channel program, one after the other, in format 1. */
export function encodeCommandWords(
  words: readonly (Omit<CommandWord, 'flags'> & { readonly flags: Partial<CommandWord['flags']> })[],
): Uint8Array {
  const view = new DataView(new ArrayBuffer(words.length * ccwSize))
  for (const [index, { command, count, address, flags }] of words.entries()) {
    const at = index * ccwSize
    view.setUint8(at, command)
    view.setUint8(at + 1, bitsOf(ccwFlag, flags))
    view.setUint16(at + 2, count, channelOrder)
    view.setUint32(at + 4, address, channelOrder)
  }
  return new Uint8Array(view.buffer)
}

/** The word at the start of these bytes, of format 0 or 1; the address of format 0 has 24 bits. */
export function decodeCommandWord(bytes: Uint8Array, format: 0 | 1): CommandWord {
  const view = new DataView(bytes.buffer, bytes.byteOffset, ccwSize)
  const command = view.getUint8(0)
  if (format === 1) {
    const [flags, count] = [view.getUint8(1), view.getUint16(2, channelOrder)]
    return { command, count, address: view.getUint32(4, channelOrder), flags: flagsOf(ccwFlag, flags) }
  }
  const address = view.getUint32(0, channelOrder) & 0xff_ffff
  // the rest of a transfer in channel is ignored
  if ((command & 0x0f) === ccwCommand.CCW_CMD_TIC) {
    return { command: ccwCommand.CCW_CMD_TIC, count: 0, address, flags: flagsOf(ccwFlag, 0) }
  }
  return { command, count: view.getUint16(6, channelOrder), address, flags: flagsOf(ccwFlag, view.getUint8(4)) }
}
