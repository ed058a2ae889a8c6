import * as v from 'valibot'
import { address, checked, count, type Fields } from '../../base/arguments.ts'
import { VfioError } from '../../base/errors.ts'
import { hex } from '../../base/units.ts'
import { type ChannelReport, decodeCrw } from '../../uapi/ccw/channel-report.ts'
import { decodeIrb, type InterruptionResponse } from '../../uapi/ccw/interruption-response.ts'
import { encodeOrb } from '../../uapi/ccw/operation-request.ts'
import {
  ccwAsyncCommand,
  ccwCmdRegion,
  ccwCrwRegion,
  ccwIoArea,
  ccwRegionType,
  ccwSchibRegionSize,
} from '../../uapi/ccw/regions.ts'
import { decodeSchib, type SubchannelInformation } from '../../uapi/ccw/subchannel-information.ts'
import { encodeScsw } from '../../uapi/ccw/subchannel-status.ts'
import { encode } from '../../uapi/struct.ts'
import type { Descriptor } from '../calls/descriptor.ts'
import { attempt } from '../calls/system-call.ts'
import type { Region } from '../region/region.ts'
import type { Regions } from '../region/regions.ts'
import { asyncReasons, goneReasons, startReasons } from './refusals.ts'

/** Request to start a channel program: the fields of an operation-request block (ORB). */
export interface ProgramStart {
  /** Address of its first command for the device: a multiple of 8, below 2 GiB. */
  readonly program: bigint
  /** Of its commands: 1 unless told. */
  readonly format?: 0 | 1
  /** The channel paths that may be used, a bit for each, path 0 the highest; all that work unless told. */
  readonly paths?: number
  /** The storage key, 4 bits: 0 unless told. */
  readonly key?: number
  /** The subchannel may read commands ahead of their turn, as vfio_ccw always does: true unless told. */
  readonly prefetch?: boolean
  /** An interrupt once the device has taken the first command too. */
  readonly initialStatus?: boolean
  /** Commands may have `suspend`. */
  readonly suspend?: boolean
  /** Addresses of indirect data have 64 bits, not 32; and each is of 4 KiB, or 2 KiB. 64 and 4096 unless told. */
  readonly idaw?: { readonly bits: 32 | 64; readonly block: 2048 | 4096 }
  /** Wrong lengths are no error wherever a command of format 1 moves none of its bytes. */
  readonly suppressLength?: boolean
}

const flag = v.optional(v.boolean())
const programStart = v.strictObject({
  program: v.pipe(
    address,
    v.maxValue(0x7fff_ffffn, 'must be below 2^31'),
    v.check((at) => at % 8n === 0n, 'must be a multiple of 8'),
  ),
  format: v.optional(v.picklist([0, 1])),
  paths: v.optional(v.pipe(count, v.maxValue(0xff))),
  key: v.optional(v.pipe(count, v.maxValue(0xf))),
  prefetch: flag,
  initialStatus: flag,
  suspend: flag,
  idaw: v.optional(v.strictObject({ bits: v.picklist([32, 64]), block: v.picklist([2048, 4096]) })),
  suppressLength: flag,
} satisfies Fields<ProgramStart>)

const { VFIO_CCW_ASYNC_CMD_HSCH, VFIO_CCW_ASYNC_CMD_CSCH } = ccwAsyncCommand

/**
 * The subchannel of a channel I/O device (vfio_ccw): starts channel programs and says how they end. Each of its
 * functions ends with the interrupt `io`, after which `irb` has the outcome. One channel program runs at a time.
 */
export class Subchannel {
  readonly #device: Descriptor
  readonly #regions: Regions

  constructor(device: Descriptor, regions: Regions) {
    this.#device = device
    this.#regions = regions
  }

  /**
   * START SUBCHANNEL: has the device carry out a channel program (`channelProgram`). Its commands are read before this
   * returns; the memory of its data stays pinned until the program has ended. Throws DEVICE_BUSY if one is under way,
   * INVALID_ARGUMENT for a program that the kernel does not take, NOT_FOUND if the device does not answer.
   */
  start(request: ProgramStart): void {
    const {
      program,
      format = 1,
      paths = 0,
      key = 0,
      prefetch = true,
      idaw,
      ...given
    } = checked('start', programStart, request, 'its request')
    const { bits, block } = idaw ?? { bits: 64, block: 4096 }
    const flags = {
      format1: format === 1,
      prefetch,
      initialStatus: given.initialStatus ?? false,
      suspend: given.suspend ?? false,
      suppressLength: given.suppressLength ?? false,
      idaw64: bits === 64,
      idaw2k: block === 2048,
    }
    const orb = encodeOrb({ interruptionParameter: 0, key, paths, program: Number(program), flags })
    const bytes = new Uint8Array(ccwIoArea.irb.offset)
    bytes.set(orb, ccwIoArea.orb.offset)
    bytes.set(encodeScsw({ functions: { start: true } }), ccwIoArea.scsw.offset)
    const goal = `start the channel program at ${hex(program)} of ${this.#device.what}`
    this.#write(goal, this.#regions.get('config'), bytes, startReasons)
  }

  /** HALT SUBCHANNEL: ends what is under way as soon as the device lets it. Throws DEVICE_BUSY, NOT_SUPPORTED. */
  halt(): void {
    this.#command('halt', VFIO_CCW_ASYNC_CMD_HSCH)
  }

  /** CLEAR SUBCHANNEL: ends what is under way, and what was pending is forgotten. Throws DEVICE_BUSY, NOT_SUPPORTED. */
  clear(): void {
    this.#command('clear', VFIO_CCW_ASYNC_CMD_CSCH)
  }

  /** The interruption-response block of the last interrupt `io`; all zero before the first. */
  irb(): InterruptionResponse {
    const { offset, size } = ccwIoArea.irb
    const goal = `read the interruption response of ${this.#device.what}`
    return decodeIrb(this.#read(goal, this.#regions.get('config'), offset, size))
  }

  /** STORE SUBCHANNEL: the device behind it and the paths to it, as they are now. NOT_SUPPORTED before Linux 5.8. */
  schib(): SubchannelInformation {
    const region = this.#own('the subchannel information', ccwRegionType.VFIO_REGION_SUBTYPE_CCW_SCHIB, '5.8')
    return decodeSchib(this.#read(`ask ${this.#device.what} for its information`, region, 0, ccwSchibRegionSize))
  }

  /**
   * Takes the next channel report, of which the interrupt `crw` tells; null if there is none. NOT_SUPPORTED before
   * Linux 5.8.
   */
  nextReport(): ChannelReport | null {
    const region = this.#own('channel reports', ccwRegionType.VFIO_REGION_SUBTYPE_CCW_CRW, '5.8')
    return decodeCrw(this.#read(`read a channel report of ${this.#device.what}`, region, 0, ccwCrwRegion.size))
  }

  #command(verb: 'halt' | 'clear', command: number): void {
    const region = this.#own(`a function ${verb}`, ccwRegionType.VFIO_REGION_SUBTYPE_CCW_ASYNC_CMD, '5.2')
    this.#write(`${verb} ${this.#device.what}`, region, encode(ccwCmdRegion, { command }), asyncReasons)
  }

  /** A region that the kernel has by its type alone. */
  #own(what: string, subtype: number, since: string): Region {
    try {
      return this.#regions.ofType(ccwRegionType.VFIO_REGION_TYPE_CCW, subtype)
    } catch (error) {
      if (!(error instanceof VfioError) || error.code !== 'NOT_FOUND') throw error
      throw new VfioError('NOT_SUPPORTED', `${this.#device.what} has no ${what}: its kernel is older than ${since}`, {
        cause: error,
      })
    }
  }

  #read(goal: string, region: Region, offset: number, size: number): Uint8Array {
    const bytes = new Uint8Array(size)
    const { kernel, fd } = this.#device
    const moved = attempt(goal, () => kernel.pread(fd, bytes, Number(region.offset) + offset), goneReasons)
    if (moved !== size) throw otherLength(goal, moved, size)
    return bytes
  }

  #write(goal: string, region: Region, bytes: Uint8Array, reasons: Parameters<typeof attempt>[2]): void {
    const { kernel, fd } = this.#device
    const moved = attempt(goal, () => kernel.pwrite(fd, bytes, Number(region.offset)), reasons)
    if (moved !== bytes.length) throw otherLength(goal, moved, bytes.length)
  }
}

function otherLength(goal: string, moved: number, size: number): VfioError {
  return new VfioError('MALFORMED_REPLY', `cannot ${goal}: the kernel moved ${moved} of ${size} bytes`, {
    facts: { moved, size },
  })
}
