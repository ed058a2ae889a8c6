import { channelOrder } from '../../base/byte-order.ts'
import { decodeScsw, encodeScsw, type SubchannelStatus } from './subchannel-status.ts'

/** Bytes of a subchannel-information block (SCHIB): a path-management-control word, a status word, and measurement. */
const schibSize = 52

/** In struct pmcw (drivers/s390/cio/cio.h). */
const pmcw = { flags: 4, device: 6, lpm: 8, pnom: 9, lpum: 10, pim: 11, pom: 14, pam: 15, chpids: 16 } as const
const scswOffset = 28
const enabledBit = 0x0080
const validBit = 0x0001
const paths = 8

/** A subchannel-information block: which device is behind a subchannel, and by which paths. */
export interface SubchannelInformation {
  /** The number of the device behind it, 0x1234 of 0.0.1234; null if there is none. */
  readonly deviceNumber: number | null
  readonly enabled: boolean
  /** Of the channel paths below, those that are installed. */
  readonly paths: readonly ChannelPath[]
  readonly status: SubchannelStatus
  /** The block whole, 52 bytes. */
  readonly bytes: Uint8Array
}

/** A channel path to a device. */
export interface ChannelPath {
  /** Its place among the eight. */
  readonly index: number
  /** Its channel-path identifier (CHPID). */
  readonly chpid: number
  /** By the masks of the block: LPM it may be used, PAM it is available, POM it worked when it was used last. */
  readonly logical: boolean
  readonly available: boolean
  readonly operational: boolean
}

/** The block at the start of these bytes. */
export function decodeSchib(bytes: Uint8Array): SubchannelInformation {
  const view = new DataView(bytes.buffer, bytes.byteOffset, schibSize)
  const flags = view.getUint16(pmcw.flags, channelOrder)
  const has = (mask: number, index: number) => (view.getUint8(mask) & (0x80 >> index)) !== 0
  const all = Array.from({ length: paths }, (_, index) => ({
    index,
    chpid: view.getUint8(pmcw.chpids + index),
    logical: has(pmcw.lpm, index),
    available: has(pmcw.pam, index),
    operational: has(pmcw.pom, index),
  }))
  return {
    deviceNumber: (flags & validBit) === 0 ? null : view.getUint16(pmcw.device, channelOrder),
    enabled: (flags & enabledBit) !== 0,
    paths: all.filter(({ index }) => has(pmcw.pim, index)),
    status: decodeScsw(bytes.subarray(scswOffset)),
    bytes: new Uint8Array(bytes.subarray(0, schibSize)),
  }
}

/** Input of `encodeSchib`: eight CHPIDs, and the masks of paths that are installed, available and operational. */
export interface SubchannelInformationParts {
  readonly deviceNumber: number
  readonly enabled: boolean
  readonly chpids: readonly number[]
  readonly masks: { readonly installed: number; readonly available: number; readonly operational: number }
}

/** The block as bytes, with no function begun. */
export function encodeSchib({ deviceNumber, enabled, chpids, masks }: SubchannelInformationParts): Uint8Array {
  const view = new DataView(new ArrayBuffer(schibSize))
  view.setUint16(pmcw.flags, validBit | (enabled ? enabledBit : 0), channelOrder)
  view.setUint16(pmcw.device, deviceNumber, channelOrder)
  for (const [at, mask] of [
    [pmcw.lpm, masks.available],
    [pmcw.lpum, masks.available & -masks.available],
    [pmcw.pim, masks.installed],
    [pmcw.pom, masks.operational],
    [pmcw.pam, masks.available],
  ] as const) {
    view.setUint8(at, mask)
  }
  for (const [index, chpid] of chpids.slice(0, paths).entries()) view.setUint8(pmcw.chpids + index, chpid)
  const bytes = new Uint8Array(view.buffer)
  bytes.set(encodeScsw({}), scswOffset)
  return bytes
}
