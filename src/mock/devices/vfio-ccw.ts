import { deviceFlag } from '../../uapi/device.ts'
import { ccwIrqIndex, regionFlag } from '../../uapi/region.ts'
import { Errno } from '../base/errno.ts'
import type {
  DeviceDescription,
  DeviceModel,
  IrqDescription,
  IrqSetRequest,
  RegionDescription,
} from '../sdk/device-model.ts'
import { typeCapability } from '../sdk/region.ts'
import { EventIrqs } from './event-irqs.ts'

const { VFIO_REGION_INFO_FLAG_READ, VFIO_REGION_INFO_FLAG_WRITE } = regionFlag
const readWrite = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE
/** Region INDEX begins at INDEX << 10 of the device's file. */
const stride = 1 << 10
const irqs = 3
/** VFIO_REGION_TYPE_CCW, and its subtypes as they stand below. */
const regionType = 2

/** struct ccw_io_region, ccw_cmd_region, ccw_schib_region, ccw_crw_region: bytes, what can be done, the subtype. */
const regions: readonly { readonly size: number; readonly flags: number; readonly subtype: number | null }[] = [
  { size: 124, flags: readWrite, subtype: null },
  { size: 8, flags: readWrite, subtype: 1 },
  { size: 52, flags: VFIO_REGION_INFO_FLAG_READ, subtype: 2 },
  { size: 8, flags: VFIO_REGION_INFO_FLAG_READ, subtype: 3 },
]

/** One channel device behind its subchannel. No device answers there: what is written to a region is what it reads as. */
export class VfioCcw implements DeviceModel {
  readonly #irqs = new EventIrqs(irqs, { loopsBack: true })
  readonly #memory = regions.map(({ size }) => new Uint8Array(size))

  info(): DeviceDescription {
    const flags = deviceFlag.VFIO_DEVICE_FLAGS_CCW | deviceFlag.VFIO_DEVICE_FLAGS_RESET
    return { flags, regions: regions.length, irqs }
  }

  region(index: number): RegionDescription {
    const found = regions[index]
    if (found === undefined) throw new Errno('EINVAL')
    const { size, flags, subtype } = found
    const described = { size, flags, offset: index * stride }
    return subtype === null ? described : { ...described, capabilities: typeCapability(regionType, subtype) }
  }

  irq(index: number): IrqDescription {
    return this.#irqs.describe(index)
  }

  setIrqs(set: IrqSetRequest): void {
    this.#irqs.set(set)
  }

  reset(): void {
    for (const bytes of this.#memory) bytes.fill(0)
  }

  /** EINVAL for what does not lie in a region whole. */
  read(into: Uint8Array, offset: number): number {
    into.set(this.#bytes(offset, into.length))
    return into.length
  }

  write(from: Uint8Array, offset: number): number {
    const flags = regions[Math.floor(offset / stride)]?.flags ?? 0
    if ((flags & VFIO_REGION_INFO_FLAG_WRITE) === 0) throw new Errno('EINVAL')
    this.#bytes(offset, from.length).set(from)
    return from.length
  }

  requestRelease(): void {
    this.#irqs.signal(ccwIrqIndex.VFIO_CCW_REQ_IRQ_INDEX)
  }

  /** The regions are made anew whenever it is opened. */
  close(): void {
    this.#irqs.disable()
    this.reset()
  }

  save(): unknown {
    return null
  }

  #bytes(offset: number, length: number): Uint8Array {
    const within = offset % stride
    const bytes = this.#memory[Math.floor(offset / stride)]
    if (bytes === undefined || within + length > bytes.length) throw new Errno('EINVAL')
    return bytes.subarray(within, within + length)
  }
}
