import { errnoNumber } from '../../base/errno.ts'
import { encodeIrb } from '../../uapi/ccw/interruption-response.ts'
import { decodeOrb } from '../../uapi/ccw/operation-request.ts'
import {
  ccwAsyncCommand,
  ccwCmdRegion,
  ccwCrwRegion,
  ccwIoArea,
  ccwIoRegion,
  ccwRegionType,
  ccwSchibRegionSize,
} from '../../uapi/ccw/regions.ts'
import { encodeSchib } from '../../uapi/ccw/subchannel-information.ts'
import { decodeScsw } from '../../uapi/ccw/subchannel-status.ts'
import { deviceFlag } from '../../uapi/device.ts'
import { ccwIrqIndex, regionFlag } from '../../uapi/region.ts'
import { decode, encodeInto } from '../../uapi/struct.ts'
import { Errno } from '../base/errno.ts'
import { restoreBytes, saveBytes, savedField } from '../base/saved.ts'
import type { ScenarioSubchannel } from '../scenario/scenario.ts'
import type { DeviceContext } from '../sdk/device-context.ts'
import type {
  DeviceDescription,
  DeviceModel,
  IrqDescription,
  IrqSetRequest,
  RegionDescription,
} from '../sdk/device-model.ts'
import { typeCapability } from '../sdk/region.ts'
import { CcwProgram } from './ccw-program.ts'
import { ChannelDevice } from './channel-device.ts'
import type { ProgramEnd } from './channel-run.ts'
import { EventIrqs } from './event-irqs.ts'
import { PendingWork } from './pending-work.ts'

const { VFIO_REGION_INFO_FLAG_READ, VFIO_REGION_INFO_FLAG_WRITE } = regionFlag
const readWrite = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE
/** Region INDEX begins at INDEX << 10 of the device's file. */
const stride = 1 << 10
const irqs = 3

const { VFIO_REGION_SUBTYPE_CCW_ASYNC_CMD, VFIO_REGION_SUBTYPE_CCW_SCHIB, VFIO_REGION_SUBTYPE_CCW_CRW } = ccwRegionType

/** Bytes, what can be done, the subtype; by index. */
const regions: readonly { readonly size: number; readonly flags: number; readonly subtype: number | null }[] = [
  { size: ccwIoRegion.size, flags: readWrite, subtype: null },
  { size: ccwCmdRegion.size, flags: readWrite, subtype: VFIO_REGION_SUBTYPE_CCW_ASYNC_CMD },
  { size: ccwSchibRegionSize, flags: VFIO_REGION_INFO_FLAG_READ, subtype: VFIO_REGION_SUBTYPE_CCW_SCHIB },
  { size: ccwCrwRegion.size, flags: VFIO_REGION_INFO_FLAG_READ, subtype: VFIO_REGION_SUBTYPE_CCW_CRW },
]
const [ioIndex, asyncIndex, schibIndex] = [0, 1, 2]

/** Default for a subchannel that the scenario does not describe. */
const bare: Pick<ScenarioSubchannel, 'device' | 'deviceType' | 'controlUnit' | 'chpids' | 'pimpampom'> = {
  device: '0.0.0000',
  deviceType: '3390/0c',
  controlUnit: '3990/e9',
  chpids: '00 00 00 00 00 00 00 00',
  pimpampom: '80 80 ff',
}

/**
 * vfio_ccw before one subchannel (drivers/s390/cio/vfio_ccw_*.c), and the device behind it: it takes one channel
 * program at a time, which ends some time later.
 */
export class VfioCcw implements DeviceModel {
  readonly #context: DeviceContext
  readonly #irqs = new EventIrqs(irqs, { loopsBack: true })
  readonly #memory = regions.map(({ size }) => new Uint8Array(size))
  readonly #subchannel: typeof bare
  readonly #device: ChannelDevice
  readonly #pending: PendingWork
  #program: CcwProgram | null = null

  constructor(context: DeviceContext) {
    this.#context = context
    this.#subchannel = context.subchannel ?? bare
    this.#device = new ChannelDevice(this.#subchannel.controlUnit, this.#subchannel.deviceType)
    this.#pending = new PendingWork(context.clock)
    restoreBytes(this.#irb(), savedField(context.saved, 'irb'))
    context.memory.onUnmap((iova, size) => {
      if (this.#program?.has(iova, size) === true) this.#quiesce()
    })
  }

  info(): DeviceDescription {
    const flags = deviceFlag.VFIO_DEVICE_FLAGS_CCW | deviceFlag.VFIO_DEVICE_FLAGS_RESET
    return { flags, regions: regions.length, irqs }
  }

  region(index: number): RegionDescription {
    const found = regions[index]
    if (found === undefined) throw new Errno('EINVAL')
    const { size, flags, subtype } = found
    const described = { size, flags, offset: index * stride }
    if (subtype === null) return described
    return { ...described, capabilities: typeCapability(ccwRegionType.VFIO_REGION_TYPE_CCW, subtype) }
  }

  irq(index: number): IrqDescription {
    return this.#irqs.describe(index)
  }

  setIrqs(set: IrqSetRequest): void {
    this.#irqs.set(set)
  }

  /** Ends what runs, without an interrupt; the last IRB stays to be read. */
  reset(): void {
    this.#quiesce()
  }

  /** EINVAL for what does not lie in a region whole. */
  read(into: Uint8Array, offset: number): number {
    this.#pending.passTime()
    const bytes = this.#bytes(offset, into.length)
    if (Math.floor(offset / stride) === schibIndex) this.#memory[schibIndex]?.set(this.#schib())
    into.set(bytes)
    return into.length
  }

  write(from: Uint8Array, offset: number): number {
    const index = Math.floor(offset / stride)
    const isWritable = ((regions[index]?.flags ?? 0) & VFIO_REGION_INFO_FLAG_WRITE) !== 0
    if (!isWritable) throw new Errno('EINVAL')
    this.#bytes(offset, from.length).set(from)
    const layout = index === ioIndex ? ccwIoRegion : ccwCmdRegion
    const struct = this.#memory[index] ?? new Uint8Array(layout.size)
    try {
      if (index === ioIndex && !this.#startIo(struct)) return from.length
      if (index === asyncIndex) this.#async(decode(ccwCmdRegion, struct).command)
      encodeInto(layout, struct, { ret_code: 0 })
    } catch (error) {
      if (error instanceof Errno) encodeInto(layout, struct, { ret_code: -errnoNumber(error.code) })
      throw error
    }
    return from.length
  }

  requestRelease(): void {
    this.#irqs.signal(ccwIrqIndex.VFIO_CCW_REQ_IRQ_INDEX)
  }

  close(): void {
    this.#irqs.disable()
    this.#quiesce()
  }

  /** Keeps the last IRB, to be read until the mediated device goes. */
  save(): unknown {
    return { irb: saveBytes(this.#irb()) }
  }

  /** False if no function is asked for. Halt and clear have a region of their own: EOPNOTSUPP. */
  #startIo(struct: Uint8Array): boolean {
    if (this.#program !== null) throw new Errno('EBUSY')
    const { functions } = decodeScsw(struct.subarray(ccwIoArea.scsw.offset))
    if (!functions.start) {
      if (functions.halt || functions.clear) throw new Errno('EOPNOTSUPP')
      return false
    }
    const orb = decodeOrb(struct.subarray(ccwIoArea.orb.offset))
    if (orb.flags.transportMode) throw new Errno('EOPNOTSUPP')
    const program = new CcwProgram(orb, this.#context.memory)
    this.#program = program
    this.#pending.start(() => this.#tell(program.run(this.#device)))
    return true
  }

  #async(command: number): void {
    const { VFIO_CCW_ASYNC_CMD_HSCH, VFIO_CCW_ASYNC_CMD_CSCH } = ccwAsyncCommand
    if (command !== VFIO_CCW_ASYNC_CMD_HSCH && command !== VFIO_CCW_ASYNC_CMD_CSCH) throw new Errno('EINVAL')
    const isHalt = command === VFIO_CCW_ASYNC_CMD_HSCH
    const functions = isHalt ? { halt: true, start: this.#program !== null } : { clear: true }
    this.#pending.start(() => this.#tell({ status: { functions, status: { pending: true } }, sense: null }))
  }

  /** An interrupt: the program has ended, whatever ended it. */
  #tell({ status, sense }: ProgramEnd): void {
    this.#irb().set(encodeIrb(status, sense))
    this.#free()
    this.#context.raised(ccwIrqIndex.VFIO_CCW_IO_IRQ_INDEX, 0)
    this.#irqs.signal(ccwIrqIndex.VFIO_CCW_IO_IRQ_INDEX)
  }

  #quiesce(): void {
    this.#pending.drop()
    this.#free()
  }

  #free(): void {
    this.#program?.free()
    this.#program = null
  }

  #irb(): Uint8Array {
    return this.#bytes(ccwIoArea.irb.offset, ccwIoArea.irb.size)
  }

  #schib(): Uint8Array {
    const { device, chpids, pimpampom } = this.#subchannel
    const [installed = 0, available = 0, operational = 0] = hexBytes(pimpampom)
    return encodeSchib({
      deviceNumber: Number.parseInt(device.slice(-4), 16),
      enabled: true,
      chpids: hexBytes(chpids),
      masks: { installed, available, operational },
    })
  }

  #bytes(offset: number, length: number): Uint8Array {
    const within = offset % stride
    const bytes = this.#memory[Math.floor(offset / stride)]
    if (bytes === undefined || within + length > bytes.length) throw new Errno('EINVAL')
    return bytes.subarray(within, within + length)
  }
}

function hexBytes(text: string): number[] {
  return text.split(' ').map((byte) => Number.parseInt(byte, 16))
}
