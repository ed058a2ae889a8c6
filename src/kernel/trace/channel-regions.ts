import { hex } from '../../base/units.ts'
import { decodeCrw } from '../../uapi/ccw/channel-report.ts'
import { decodeIrb } from '../../uapi/ccw/interruption-response.ts'
import { decodeOrb, orbSize } from '../../uapi/ccw/operation-request.ts'
import {
  ccwAsyncCommand,
  ccwCmdRegion,
  ccwCrwRegion,
  ccwIoArea,
  ccwRegionType,
  ccwSchibRegionSize,
} from '../../uapi/ccw/regions.ts'
import { decodeSchib } from '../../uapi/ccw/subchannel-information.ts'
import { decodeScsw, type SubchannelStatus } from '../../uapi/ccw/subchannel-status.ts'
import { decodeDeviceInfo } from '../../uapi/device.ts'
import { decodeRegionInfo } from '../../uapi/region.ts'
import { decode } from '../../uapi/struct.ts'

const { VFIO_REGION_SUBTYPE_CCW_ASYNC_CMD, VFIO_REGION_SUBTYPE_CCW_SCHIB, VFIO_REGION_SUBTYPE_CCW_CRW } = ccwRegionType

/** Text for the struct at a place in a device's file; null for bytes that are no such struct. */
type Shown = (bytes: Uint8Array) => string | null

/** The regions of channel I/O devices, learnt from what the kernel said of them, with their structs for a trace. */
export class ChannelRegions {
  readonly #devices = new Map<number, Map<number, Shown>>()

  /** The answer to an ioctl; what makes no sense is for whoever asked. */
  learn(fd: number, ioctl: string | undefined, argument: Uint8Array | number | undefined): void {
    if (typeof argument !== 'object') return
    try {
      if (ioctl === 'VFIO_DEVICE_GET_INFO' && decodeDeviceInfo(argument).flags.ccw) {
        this.#devices.set(fd, this.#devices.get(fd) ?? new Map())
      } else if (ioctl === 'VFIO_DEVICE_GET_REGION_INFO') {
        this.#learnRegion(this.#devices.get(fd), argument)
      }
    } catch {
      // told by the caller, who decodes it too
    }
  }

  forget(fd: number): void {
    this.#devices.delete(fd)
  }

  /** The struct at an offset of a device's file; null for any other access. */
  shown(fd: number, bytes: Uint8Array, offset: number): string | null {
    return this.#devices.get(fd)?.get(offset)?.(bytes) ?? null
  }

  #learnRegion(places: Map<number, Shown> | undefined, argument: Uint8Array): void {
    if (places === undefined) return
    const { index, offset, capabilities } = decodeRegionInfo(argument)
    const base = Number(offset)
    if (index === 0) {
      places.set(base, shownRequest).set(base + ccwIoArea.irb.offset, shownResponse)
      return
    }
    const type = capabilities.find((one) => one.name === 'type' && one.type === ccwRegionType.VFIO_REGION_TYPE_CCW)
    const shown = type?.name === 'type' ? bySubtype.get(type.subtype) : undefined
    if (shown !== undefined) places.set(base, shown)
  }
}

const bySubtype: ReadonlyMap<number, Shown> = new Map([
  [VFIO_REGION_SUBTYPE_CCW_ASYNC_CMD, shownCommand],
  [VFIO_REGION_SUBTYPE_CCW_SCHIB, shownInformation],
  [VFIO_REGION_SUBTYPE_CCW_CRW, shownReport],
])

function shownRequest(bytes: Uint8Array): string | null {
  if (bytes.length < ccwIoArea.irb.offset) return null
  const { program, paths, key, flags } = decodeOrb(bytes.subarray(0, orbSize))
  const { functions } = decodeScsw(bytes.subarray(ccwIoArea.scsw.offset))
  const orb = fields([`program=${hex(program)}`, `flags=${names(flags)}`, number('paths', paths), number('key', key)])
  return `{orb=${orb}, functions=${names(functions)}}`
}

function shownResponse(bytes: Uint8Array): string | null {
  return bytes.length < ccwIoArea.irb.size ? null : shownStatus(decodeIrb(bytes))
}

function shownStatus(status: SubchannelStatus): string {
  const { functions, activity, device, subchannel, program, residualCount } = status
  return fields([
    `functions=${names(functions)}`,
    `activity=${names(activity)}`,
    `status=${names(status.status)}`,
    `device=${names(device)}`,
    `subchannel=${names(subchannel)}`,
    `program=${hex(program)}`,
    number('residual', residualCount),
  ])
}

function shownCommand(bytes: Uint8Array): string | null {
  if (bytes.length < ccwCmdRegion.size) return null
  const { command } = decode(ccwCmdRegion, bytes)
  const name = Object.entries(ccwAsyncCommand).find(([, value]) => value === command)?.[0]
  return `{command=${name ?? command}}`
}

function shownInformation(bytes: Uint8Array): string | null {
  if (bytes.length < ccwSchibRegionSize) return null
  const { deviceNumber, enabled, paths } = decodeSchib(bytes)
  const chpids = paths.map(({ chpid }) => hex(chpid)).join(' ')
  return `{device=${deviceNumber === null ? 'none' : hex(deviceNumber)}, enabled=${enabled}, chpids=[${chpids}]}`
}

function shownReport(bytes: Uint8Array): string | null {
  if (bytes.length < ccwCrwRegion.size) return null
  const report = decodeCrw(bytes)
  return report === null ? '{}' : `{source=${report.source}, recovery=${report.recovery}, id=${hex(report.id)}}`
}

function names(flags: Readonly<Record<string, boolean>>): string {
  return Object.keys(flags)
    .filter((name) => flags[name] === true)
    .join('|')
}

function number(name: string, value: number): string {
  return value === 0 ? '' : `${name}=${value}`
}

/** Less those that say nothing. */
function fields(all: readonly string[]): string {
  return `{${all.filter((field) => field !== '' && !field.endsWith('=')).join(', ')}}`
}
