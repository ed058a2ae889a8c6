import type { Mapping, MmapOptions } from '../../kernel/kernel.ts'
import { deviceFlag } from '../../uapi/device.ts'
import { drmPlaneType, gfxPlaneFlag, vfioDeviceGfxPlaneInfo } from '../../uapi/features.ts'
import { pciRegionIndex, regionFlag } from '../../uapi/region.ts'
import { request as requests } from '../../uapi/requests.ts'
import { encodeInto, type Values } from '../../uapi/struct.ts'
import { Errno } from '../base/errno.ts'
import { structArgument } from '../descriptors/ioctl-argument.ts'
import type { IoctlArgument } from '../descriptors/open-file.ts'
import { BarMapping } from '../memory/bar-mapping.ts'
import { singleAccesses } from '../memory/single-accesses.ts'
import type { SparseMemory } from '../memory/sparse-memory.ts'
import type { DeviceDescription, DeviceModel, IrqDescription, RegionDescription } from '../sdk/device-model.ts'
import type { CallingProcess } from '../sdk/feature.ts'
import type { SampleConfig } from './sample-config.ts'

const { VFIO_PCI_CONFIG_REGION_INDEX } = pciRegionIndex
const { VFIO_REGION_INFO_FLAG_READ, VFIO_REGION_INFO_FLAG_WRITE, VFIO_REGION_INFO_FLAG_MMAP } = regionFlag
/** Flags of a region that is read and written. */
export const trapped: number = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE
/** Flags of a region that can be mapped as well. */
export const mappable: number = trapped | VFIO_REGION_INFO_FLAG_MMAP

const irqIndexes = 5
const notThere: RegionDescription = { flags: 0, size: 0, offset: 0 }
/** Before a reserved field was appended to struct vfio_device_gfx_plane_info. */
const oldPlaneInfoSize = 60

/** The answer to VFIO_DEVICE_QUERY_GFX_PLANE. */
export type PlaneInfo = Partial<Values<typeof vfioDeviceGfxPlaneInfo>>

/** Common part of the kernel's sample displays (mdpy, mbochs): no interrupts, and regions packed into one file. */
export abstract class SampleDisplay implements DeviceModel {
  protected readonly config: SampleConfig
  protected readonly memory: SparseMemory
  /** Offset of the video memory in the device's file, the only one that can be mapped from. */
  readonly #memoryOffset: number

  constructor(config: SampleConfig, memory: SparseMemory, memoryOffset: number) {
    this.config = config
    this.memory = memory
    this.#memoryOffset = memoryOffset
  }

  /** VFIO_DEVICE_GET_INFO's number of regions, and those that are there. */
  protected abstract readonly regions: number
  protected abstract readonly placed: ReadonlyMap<number, RegionDescription>
  /** The way it shows its picture: a flag of struct vfio_device_gfx_plane_info. */
  protected abstract readonly planeKind: number
  /** One access of 1, 2 or 4 bytes behind the configuration space; false if nothing is. */
  protected abstract load(into: Uint8Array, offset: number): boolean
  protected abstract store(from: Uint8Array, offset: number): boolean
  protected abstract plane(isPrimary: boolean): PlaneInfo
  abstract reset(): void
  abstract save(): unknown

  /** No reset among its flags, though it has one. */
  info(): DeviceDescription {
    return { flags: deviceFlag.VFIO_DEVICE_FLAGS_PCI, regions: this.regions, irqs: irqIndexes }
  }

  region(index: number): RegionDescription {
    if (index === VFIO_PCI_CONFIG_REGION_INDEX) return { flags: trapped, size: this.config.size, offset: 0 }
    const placed = this.placed.get(index)
    if (placed !== undefined) return placed
    if (index >= this.regions) throw new Errno('EINVAL')
    return notThere
  }

  irq(index: number): IrqDescription {
    if (index >= irqIndexes) throw new Errno('EINVAL')
    return { count: 0 }
  }

  setIrqs(): never {
    throw new Errno('EINVAL')
  }

  read(into: Uint8Array, offset: number): number {
    for (const { at, width } of singleAccesses(offset, into.length)) {
      const piece = into.subarray(at, at + width)
      if (offset + at < this.config.size) this.config.read(piece, offset + at)
      else if (!this.load(piece, offset + at)) throw new Errno('EFAULT')
    }
    return into.length
  }

  write(from: Uint8Array, offset: number): number {
    for (const { at, width } of singleAccesses(offset, from.length)) {
      const piece = from.subarray(at, at + width)
      if (offset + at < this.config.size) this.config.write(piece, offset + at)
      else if (!this.store(piece, offset + at)) throw new Errno('EFAULT')
    }
    return from.length
  }

  mmap({ offset, length, access }: MmapOptions): Mapping {
    if (offset !== this.#memoryOffset || length > this.memory.size || length === 0) throw new Errno('EINVAL')
    const device = {
      load: (at: number, into: Uint8Array) => {
        this.memory.read(into, at)
        return true
      },
      store: (at: number, from: Uint8Array) => {
        this.memory.write(from, at)
        return true
      },
    }
    return new BarMapping(device, length, access)
  }

  ioctl(request: number, argument: IoctlArgument, _process: CallingProcess): number {
    if (request !== requests.VFIO_DEVICE_QUERY_GFX_PLANE) throw new Errno('ENOTTY')
    const { bytes, values } = structArgument(vfioDeviceGfxPlaneInfo, argument, oldPlaneInfoSize)
    const { VFIO_GFX_PLANE_TYPE_PROBE } = gfxPlaneFlag
    if (values.flags === (VFIO_GFX_PLANE_TYPE_PROBE | this.planeKind)) return 0
    if (values.flags !== this.planeKind) throw new Errno('EINVAL')
    const still = { drm_format_mod: 0n, x_pos: 0, y_pos: 0, x_hot: 0, y_hot: 0 }
    encodeInto(vfioDeviceGfxPlaneInfo, bytes, {
      ...still,
      ...this.plane(values.drm_plane_type === drmPlaneType.primary),
    })
    return 0
  }
}

/** Bytes that lie in a region whole. */
export function isWithin({ offset, size }: RegionDescription, at: number, length: number): boolean {
  return at >= offset && at + length <= offset + size
}
