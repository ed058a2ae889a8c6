import type { Mapping, MmapOptions } from '../../kernel/kernel.ts'
import { deviceFlag } from '../../uapi/device.ts'
import { pciIrqIndex, pciRegionIndex } from '../../uapi/region.ts'
import { Errno } from '../base/errno.ts'
import { BarMapping } from '../memory/bar-mapping.ts'
import type { DeviceContext } from './device-context.ts'
import {
  checkIrqSet,
  type DeviceDescription,
  type DeviceModel,
  type IrqDescription,
  type IrqSetRequest,
  type RegionDescription,
} from './device-model.ts'
import type { Feature } from './feature.ts'
import type { ModelIrq } from './irq.ts'
import { type ModelRegion, regionOffset } from './region.ts'

const { VFIO_PCI_NUM_REGIONS } = pciRegionIndex
const pciIrqs = 5

interface PlacedRegion {
  readonly region: ModelRegion
  /** Its start in the device's file, in bytes. */
  readonly offset: number
}

/**
 * A mediated device as a class of its own describes it: its regions, interrupts and features, and what it does.
 * Whatever a driver does differently, the class overrides: what is here answers as vfio-pci does.
 */
export class MdevModel implements DeviceModel {
  readonly context: DeviceContext
  readonly features: Map<number, Feature> = new Map()
  readonly #regions = new Map<number, PlacedRegion>()
  readonly #irqs = new Map<number, ModelIrq>()
  #isGone = false

  constructor(context: DeviceContext) {
    this.context = context
  }

  /** A PCI device, which can be reset if the class says how. */
  info(): DeviceDescription {
    const { VFIO_DEVICE_FLAGS_PCI, VFIO_DEVICE_FLAGS_RESET } = deviceFlag
    const canReset = this.reset !== MdevModel.prototype.reset
    return {
      flags: VFIO_DEVICE_FLAGS_PCI | (canReset ? VFIO_DEVICE_FLAGS_RESET : 0),
      regions: Math.max(VFIO_PCI_NUM_REGIONS, ...[...this.#regions.keys()].map((index) => index + 1)),
      irqs: pciIrqs,
    }
  }

  /** The description of a region by its index: of size 0 if none was added, EINVAL past the last. */
  region(index: number): RegionDescription {
    const placed = this.#regions.get(index)
    if (placed === undefined) {
      if (index >= this.info().regions) throw new Errno('EINVAL')
      return { flags: 0, size: 0, offset: regionOffset(index) }
    }
    const { flags, size, capabilities } = placed.region
    return { flags, size, offset: placed.offset, ...(capabilities === undefined ? {} : { capabilities }) }
  }

  /** The description of an interrupt by its index: without vectors if none was added, EINVAL past the last. */
  irq(index: number): IrqDescription {
    if (index >= this.info().irqs) throw new Errno('EINVAL')
    return this.#irqs.get(index)?.info ?? { flags: 0, count: 0 }
  }

  /** Hands a VFIO_DEVICE_SET_IRQS to the interrupt that it names, once it is checked. */
  setIrqs(set: IrqSetRequest): void {
    const irq = this.#irqs.get(set.index)
    checkIrqSet(set, { indexes: this.info().irqs, vectors: irq?.info.count ?? 0 })
    irq?.set(set)
  }

  /** Refuses with EINVAL, as a device without a reset does; a class with one overrides it. */
  reset(): void {
    throw new Errno('EINVAL')
  }

  /** EINVAL past the end of a region, and if there is no region; what reaches over the end is cut short. */
  read(into: Uint8Array, offset: number): number {
    const { region, within } = this.#at(offset)
    const length = Math.min(into.length, region.size - within)
    region.read(into.subarray(0, length), within)
    return length
  }

  /** Writes to the region at `offset` likewise. */
  write(from: Uint8Array, offset: number): number {
    const { region, within } = this.#at(offset)
    const length = Math.min(from.length, region.size - within)
    region.write(from.subarray(0, length), within)
    return length
  }

  /** Maps whole pages of a region that can be mapped; EINVAL for all else. */
  mmap({ offset, length, access }: MmapOptions): Mapping {
    const { region, within } = this.#at(offset)
    const { pageSize } = this.context.traits
    const whole = Math.ceil(length / pageSize) * pageSize
    const room = Math.ceil(region.size / pageSize) * pageSize
    const isPages = within % pageSize === 0 && length > 0 && within + whole <= room
    const mapped = isPages ? (region.map?.(within, whole) ?? null) : null
    if (mapped === null) throw new Errno('EINVAL')
    const reaches = {
      load: (at: number, into: Uint8Array) => !this.#isGone && mapped.load(within + at, into),
      store: (at: number, from: Uint8Array) => !this.#isGone && mapped.store(within + at, from),
    }
    return new BarMapping(reaches, whole, access)
  }

  /** Tells who has it by the req interrupt, if it has one. */
  requestRelease(): void {
    this.#irqs.get(pciIrqIndex.VFIO_PCI_REQ_IRQ_INDEX)?.raise(0)
  }

  /** Raises a vector of an interrupt. RangeError for one that was not added. */
  raise(index: number, vector: number): void {
    const irq = this.#irqs.get(index)
    if (irq === undefined || vector >= irq.info.count) throw new RangeError(`no vector ${vector} of interrupt ${index}`)
    irq.raise(vector)
  }

  /** Takes the device away: mappings reach nothing from then on. */
  disappear(): void {
    this.#isGone = true
  }

  /** Interrupts end with the last user. */
  close(): void {
    for (const irq of this.#irqs.values()) irq.disable()
  }

  /** Nothing is kept, unless the class says what. */
  save(): unknown {
    return null
  }

  /** Puts a region at an index, and at an offset of the device's file: INDEX << 40 unless another is given. */
  protected addRegion<R extends ModelRegion>(index: number, region: R, offset: number = regionOffset(index)): R {
    this.#regions.set(index, { region, offset })
    return region
  }

  protected addIrq<I extends ModelIrq>(index: number, irq: I): I {
    irq.onRaise = (vector) => this.context.raised(index, vector)
    this.#irqs.set(index, irq)
    return irq
  }

  /** The region that an offset of the device's file is in. */
  #at(offset: number): { region: ModelRegion; within: number } {
    if (this.#isGone) throw new Errno('EIO')
    for (const { region, offset: start } of this.#regions.values()) {
      if (offset >= start && offset < start + region.size) return { region, within: offset - start }
    }
    throw new Errno('EINVAL')
  }
}
