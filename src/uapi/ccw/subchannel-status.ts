import { channelOrder } from '../../base/byte-order.ts'
import { bitsOf, type ChannelFlags, flagsOf } from './bits.ts'

/** Bytes of a subchannel-status word (SCSW). */
const scswSize = 12

/** SCSW_FCTL_*: the functions that were begun (arch/s390/include/asm/scsw.h). */
export const functionControl = { clear: 0x1, halt: 0x2, start: 0x4 } as const

/** SCSW_ACTL_*: how far they are. */
export const activityControl = {
  suspended: 0x01,
  deviceActive: 0x02,
  subchannelActive: 0x04,
  clearPending: 0x08,
  haltPending: 0x10,
  startPending: 0x20,
  resumePending: 0x40,
} as const

/** SCSW_STCTL_*: what there is to tell. */
export const statusControl = { pending: 0x01, secondary: 0x02, primary: 0x04, intermediate: 0x08, alert: 0x10 } as const

/** DEV_STAT_*: what the device said. */
export const deviceStatus = {
  attention: 0x80,
  statusModifier: 0x40,
  controlUnitEnd: 0x20,
  busy: 0x10,
  channelEnd: 0x08,
  deviceEnd: 0x04,
  unitCheck: 0x02,
  unitException: 0x01,
} as const

/** SCHN_STAT_*: what the channel subsystem said. */
export const subchannelStatus = {
  programControlledInterruption: 0x80,
  incorrectLength: 0x40,
  programCheck: 0x20,
  protectionCheck: 0x10,
  channelDataCheck: 0x08,
  channelControlCheck: 0x04,
  interfaceControlCheck: 0x02,
  chainingCheck: 0x01,
} as const

/** A subchannel-status word in command mode (struct cmd_scsw): how a channel program goes, or ended. */
export interface SubchannelStatus {
  readonly functions: ChannelFlags<typeof functionControl>
  readonly activity: ChannelFlags<typeof activityControl>
  readonly status: ChannelFlags<typeof statusControl>
  /** Says what `unitCheck` is about; a BASIC SENSE asks the device. */
  readonly device: ChannelFlags<typeof deviceStatus>
  readonly subchannel: ChannelFlags<typeof subchannelStatus>
  /** 8 bytes beyond the last command that was used; 0 if it says nothing. */
  readonly program: number
  /** Bytes of the last command's count that were not moved. */
  readonly residualCount: number
  /** 0 unless a function that was accepted failed later: 1 status was pending, 3 the device did not answer. */
  readonly deferredCondition: number
}

/** The word at the start of these bytes. */
export function decodeScsw(bytes: Uint8Array): SubchannelStatus {
  const view = new DataView(bytes.buffer, bytes.byteOffset, scswSize)
  const [control, program] = [view.getUint32(0, channelOrder), view.getUint32(4, channelOrder)]
  return {
    functions: flagsOf(functionControl, (control >>> 12) & 0x7),
    activity: flagsOf(activityControl, (control >>> 5) & 0x7f),
    status: flagsOf(statusControl, control & 0x1f),
    device: flagsOf(deviceStatus, view.getUint8(8)),
    subchannel: flagsOf(subchannelStatus, view.getUint8(9)),
    program,
    residualCount: view.getUint16(10, channelOrder),
    deferredCondition: (control >>> 24) & 0x3,
  }
}

/** Fields of a word to encode; those that are absent are 0. */
export interface SubchannelStatusParts {
  readonly functions?: Partial<SubchannelStatus['functions']>
  readonly activity?: Partial<SubchannelStatus['activity']>
  readonly status?: Partial<SubchannelStatus['status']>
  readonly device?: Partial<SubchannelStatus['device']>
  readonly subchannel?: Partial<SubchannelStatus['subchannel']>
  readonly program?: number
  readonly residualCount?: number
}

/** The word as bytes. */
export function encodeScsw(parts: SubchannelStatusParts): Uint8Array {
  const { functions = {}, activity = {}, status = {}, device = {}, subchannel = {} } = parts
  const control =
    (bitsOf(functionControl, functions) << 12) |
    (bitsOf(activityControl, activity) << 5) |
    bitsOf(statusControl, status)
  const view = new DataView(new ArrayBuffer(scswSize))
  view.setUint32(0, control, channelOrder)
  view.setUint32(4, parts.program ?? 0, channelOrder)
  view.setUint8(8, bitsOf(deviceStatus, device))
  view.setUint8(9, bitsOf(subchannelStatus, subchannel))
  view.setUint16(10, parts.residualCount ?? 0, channelOrder)
  return new Uint8Array(view.buffer)
}
