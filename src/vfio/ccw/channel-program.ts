import * as v from 'valibot'
import { address, checked, count, type Fields } from '../../base/arguments.ts'
import { VfioError } from '../../base/errors.ts'
import { ccwCommand, encodeCommandWords } from '../../uapi/ccw/channel-command.ts'

/** A command of a channel program: a channel command word (CCW) of format 1. */
export interface ChannelCommand {
  /**
   * The command, of 8 bits, as the device understands it. Every device knows 'no-op' (0x03), 'sense' (0x04: why a
   * command was refused) and 'sense-id' (0xe4: what the device is); 'transfer' (0x08) goes on with the command at
   * `address`.
   */
  readonly command: number | 'no-op' | 'sense' | 'sense-id' | 'transfer'
  /** Address of its data for the device, below 2 GiB: of a DMA buffer with `addressBits: 31`. 0 unless told. */
  readonly address?: bigint
  /** Bytes of data, up to 65535. 0 unless told. */
  readonly count?: number
  /** Less data than `count`, or more, is no error (SLI). */
  readonly suppressLength?: boolean
  /** The next command follows when this one has ended well (CC). */
  readonly chainCommand?: boolean
  /** The next word has more room for the data of this command (CD). */
  readonly chainData?: boolean
  /** Data that is read is stored nowhere (SKIP). */
  readonly skip?: boolean
  /** An interrupt when the channel comes to this command (PCI). */
  readonly interrupt?: boolean
  /** At `address` are the addresses of the data (IDAW), of the size that `start` says. */
  readonly indirect?: boolean
  /** The program waits before this command. */
  readonly suspend?: boolean
}

const commands = {
  'no-op': ccwCommand.CCW_CMD_NOOP,
  sense: ccwCommand.CCW_CMD_BASIC_SENSE,
  'sense-id': ccwCommand.CCW_CMD_SENSE_ID,
  transfer: ccwCommand.CCW_CMD_TIC,
} as const

const flag = v.optional(v.boolean())
const channelAddress = v.pipe(address, v.maxValue(0x7fff_ffffn, 'must be below 2^31'))
const byte = v.pipe(count, v.maxValue(0xff))

const channelCommand = v.strictObject({
  command: v.union(
    [byte, v.picklist(['no-op', 'sense', 'sense-id', 'transfer'])],
    'must be a byte, no-op, sense, sense-id or transfer',
  ),
  address: v.optional(channelAddress),
  count: v.optional(v.pipe(count, v.maxValue(0xffff))),
  suppressLength: flag,
  chainCommand: flag,
  chainData: flag,
  skip: flag,
  interrupt: flag,
  indirect: flag,
  suspend: flag,
} satisfies Fields<ChannelCommand>)

/** CCWCHAIN_LEN_MAX (drivers/s390/cio/vfio_ccw_cp.h): of one chain. */
const longestChain = 256

/**
 * A channel program as bytes, to be put into memory that is mapped for the device, at a multiple of 8. vfio_ccw reads
 * 2 KiB from its first command on, which must all be mapped, and takes up to 256 commands. Throws INVALID_ARGUMENT.
 */
export function channelProgram(given: readonly ChannelCommand[]): Uint8Array {
  const program = checked('channelProgram', v.array(channelCommand), given, 'its commands')
  if (program.length === 0 || program.length > longestChain) {
    throw new VfioError(
      'INVALID_ARGUMENT',
      `a channel program has 1 to ${longestChain} commands, not ${program.length}`,
    )
  }
  return encodeCommandWords(
    program.map(({ command, address = 0n, count = 0, ...given }) => {
      const flags = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
      return {
        command: typeof command === 'number' ? command : commands[command],
        address: Number(address),
        count,
        flags,
      }
    }),
  )
}
