import type { Mapping, MmapOptions } from '../../kernel/kernel.ts'
import { deviceFeatures } from '../../uapi/device-feature.ts'
import { deviceFlag } from '../../uapi/device-info.ts'
import { pciIrqIndex, pciRegionIndex } from '../../uapi/indexes.ts'
import { vfioInfoCapHeader } from '../../uapi/info-capabilities.ts'
import { regionCapability } from '../../uapi/region-capabilities.ts'
import { regionFlag } from '../../uapi/region-info.ts'
import { request as requests } from '../../uapi/requests.ts'
import { encode } from '../../uapi/struct.ts'
import type { IoctlArgument } from '../descriptors/open-file.ts'
import { Errno } from '../errno.ts'
import type { KernelTraits } from '../kernel-traits.ts'
import { BarMapping, type MappedDevice } from '../memory/bar-mapping.ts'
import { pageSize } from '../memory/memory.ts'
import type { ScenarioPciDevice, ScenarioPciFunction } from '../scenario/scenario.ts'
import type { Clock } from '../sdk/clock.ts'
import {
  type DeviceDescription,
  type DeviceModel,
  type IoeventfdRequest,
  type IrqDescription,
  type IrqSetRequest,
  type RegionDescription,
  regionOffset,
  singleAccesses,
  splitOffset,
} from '../sdk/device-model.ts'
import type { CallingProcess, Feature } from '../sdk/feature.ts'
import type { PciBus, PciFunction } from '../sdk/pci-function.ts'
import type { DmaAccess } from '../vfio/dma-mappings.ts'
import { barMemory } from './bar-memory.ts'
import { ConfigSpace } from './config-space.ts'
import { DmaBufs } from './dma-bufs.ts'
import type { HotReset } from './hot-reset.ts'
import { Ioeventfds } from './ioeventfds.ts'
import { IrqLines } from './irq-lines.ts'
import { LowPower } from './low-power.ts'
import { type MsixTable, msixTable } from './msix-table.ts'

const { VFIO_PCI_INTX_IRQ_INDEX } = pciIrqIndex
const { VFIO_PCI_ROM_REGION_INDEX, VFIO_PCI_CONFIG_REGION_INDEX, VFIO_PCI_VGA_REGION_INDEX, VFIO_PCI_NUM_REGIONS } =
  pciRegionIndex
const { VFIO_REGION_INFO_FLAG_READ, VFIO_REGION_INFO_FLAG_WRITE, VFIO_REGION_INFO_FLAG_MMAP } = regionFlag
const irqIndexes = 5

/** What the machine gives the driver of one function. */
export interface PciServices {
  readonly dma: DmaAccess
  readonly clock: Clock
  readonly traits: KernelTraits
  readonly features: ReadonlyMap<number, Feature>
  readonly hotReset: HotReset
  /** The function raises an interrupt. */
  raised(index: number, vector: number): void
}

/** The driver vfio-pci on one function, open. */
export class VfioPciDevice implements DeviceModel {
  readonly #widest: 4 | 8
  readonly features: ReadonlyMap<number, Feature>
  readonly #what: ScenarioPciFunction
  readonly #config: ConfigSpace
  readonly #irqs: IrqLines
  readonly #ioeventfds = new Ioeventfds()
  readonly #lowPower = new LowPower(() => this.#updateDmaBufs())
  readonly #dmaBufs = new DmaBufs((index) =>
    this.#isMappable(index) ? { device: this.#memoryOf(index, 0), size: this.#sizeOf(index) ?? 0 } : null,
  )
  readonly #hotReset: HotReset
  readonly #bus: PciBus
  #function: PciFunction
  #isGone = false
  readonly #msixTable: MsixTable | null

  constructor(
    device: ScenarioPciDevice,
    what: ScenarioPciFunction,
    services: PciServices,
    make: (bus: PciBus) => PciFunction,
  ) {
    const { traits, features, hotReset } = services
    this.#hotReset = hotReset
    this.#widest = traits.trapsQuadwords ? 8 : 4
    const dmaBuf = traits.makesDmaBufs ? [[deviceFeatures['dma-buf'].id, this.#dmaBufs.feature] as const] : []
    this.features = new Map([...features, ...this.#lowPower.features, ...dmaBuf])
    this.#what = what
    this.#config = new ConfigSpace(device, what)
    this.#irqs = new IrqLines(this.#config, traits)
    this.#msixTable = msixTable(this.#config)
    this.#bus = this.#makeBus(services)
    this.#function = make(this.#bus)
    // the driver resets what it can at every open
    if (what.reset) this.#bus.setIntx(false)
    this.#updateDmaBufs()
  }

  wake(): void {
    this.#lowPower.access()
  }

  info(): DeviceDescription {
    const reset = this.#what.reset ? deviceFlag.VFIO_DEVICE_FLAGS_RESET : 0
    return { flags: deviceFlag.VFIO_DEVICE_FLAGS_PCI | reset, regions: VFIO_PCI_NUM_REGIONS, irqs: irqIndexes }
  }

  region(index: number): RegionDescription {
    const offset = regionOffset(index)
    const size = this.#sizeOf(index)
    if (size === null) throw new Errno('EINVAL')
    if (size === 0) return { flags: 0, size, offset }
    if (index === VFIO_PCI_ROM_REGION_INDEX) return { flags: VFIO_REGION_INFO_FLAG_READ, size, offset }
    const flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE
    if (!this.#isMappable(index)) return { flags, size, offset }
    const mappable = { flags: flags | VFIO_REGION_INFO_FLAG_MMAP, size, offset }
    if (this.#msixTable?.bar !== index) return mappable
    const id = regionCapability.VFIO_REGION_INFO_CAP_MSIX_MAPPABLE
    return { ...mappable, capabilities: encode(vfioInfoCapHeader, { id, version: 1, next: 0 }) }
  }

  irq(index: number): IrqDescription {
    return this.#irqs.describe(index)
  }

  setIrqs(set: IrqSetRequest): void {
    const { messages } = this.#irqs
    const had = messages.index
    this.#irqs.set(set)
    // a function that sends messages asserts INTx no more
    if (had === null && messages.index !== null) this.#bus.setIntx(false)
  }

  /** The configuration space is kept: the kernel puts it back afterwards. */
  reset(): void {
    if (!this.#what.reset) throw new Errno('EINVAL')
    this.busReset()
  }

  ioctl(request: number, argument: IoctlArgument, process: CallingProcess): number {
    switch (request) {
      case requests.VFIO_DEVICE_GET_PCI_HOT_RESET_INFO:
        return this.#hotReset.info(argument)
      case requests.VFIO_DEVICE_PCI_HOT_RESET:
        return this.#hotReset.reset(argument, process)
      default:
        throw new Errno('ENOTTY')
    }
  }

  busReset(): void {
    this.#dmaBufs.revokeOnce()
    this.#function.reset()
    this.#bus.setIntx(false)
  }

  read(into: Uint8Array, offset: number): number {
    this.#lowPower.access()
    const { index, within } = splitOffset(offset)
    if (index === VFIO_PCI_CONFIG_REGION_INDEX) return this.#readConfig(into, within)
    const length = this.#clamp(index, within, into.length)
    for (const { at, width, isTable } of this.#accesses(index, within, length)) {
      const piece = into.subarray(at, at + width)
      if (isTable) piece.fill(0xff)
      else this.#load(index, within + at, piece)
    }
    return length
  }

  write(from: Uint8Array, offset: number): number {
    this.#lowPower.access()
    const { index, within } = splitOffset(offset)
    if (index === VFIO_PCI_CONFIG_REGION_INDEX) return this.#writeConfig(from, within)
    if (index === VFIO_PCI_ROM_REGION_INDEX) throw new Errno('EINVAL')
    const length = this.#clamp(index, within, from.length)
    for (const { at, width, isTable } of this.#accesses(index, within, length)) {
      if (!isTable) this.#function.store(index, within + at, from.subarray(at, at + width))
    }
    return length
  }

  mmap({ offset, length, access }: MmapOptions): Mapping {
    const { index, within } = splitOffset(offset)
    const size = this.#sizeOf(index) ?? 0
    const room = Math.ceil(size / pageSize) * pageSize
    const whole = Math.ceil(length / pageSize) * pageSize
    const isPage = offset % pageSize === 0 && length > 0
    if (!isPage || !this.#isMappable(index) || within + whole > room) throw new Errno('EINVAL')
    return new BarMapping(this.#memoryOf(index, within), whole, access)
  }

  ioeventfd(request: IoeventfdRequest): void {
    const { index, within } = splitOffset(request.offset)
    const end = within + request.width
    const table = this.#msixTable?.bar === index ? this.#msixTable : null
    const isInTable = table !== null && end > table.start && within < table.end
    if (index >= VFIO_PCI_ROM_REGION_INDEX || end > (this.#sizeOf(index) ?? 0) || isInTable) throw new Errno('EINVAL')
    const bytes = new Uint8Array(BigUint64Array.of(request.data).buffer).subarray(0, request.width)
    this.#ioeventfds.set(request, () => {
      if (this.#config.isIo(index) || this.#config.isMemoryOn) this.#function.store(index, within, bytes)
    })
  }

  raise(index: number, vector: number): void {
    if (index === VFIO_PCI_INTX_IRQ_INDEX) this.#bus.setIntx(true)
    else if (index === this.#irqs.messages.index) this.#bus.sendMessage(vector)
    else throw new RangeError(`interrupt ${index} is not enabled`)
  }

  disappear(): void {
    this.#function.close()
    this.#function = absent
    this.#isGone = true
    this.requestRelease()
  }

  requestRelease(): void {
    this.#irqs.request()
  }

  close(): void {
    this.#dmaBufs.isRevoked = true
    this.#ioeventfds.close()
    this.#irqs.close()
    this.#function.close()
  }

  save(): unknown {
    return this.#function.save()
  }

  #updateDmaBufs(): void {
    this.#dmaBufs.isRevoked = !this.#answers
  }

  #makeBus({ dma, clock, raised }: PciServices): PciBus {
    const config = this.#config
    const { intx, messages } = this.#irqs
    return {
      clock,
      get hasMessages() {
        return messages.index !== null
      },
      sendMessage: (vector) => {
        if (!config.isBusMaster) return
        if (messages.index !== null) raised(messages.index, vector)
        messages.signal(vector)
      },
      setIntx: (isAsserted) => {
        if (isAsserted && !intx.isAsserted) raised(VFIO_PCI_INTX_IRQ_INDEX, 0)
        config.isIntxAsserted = isAsserted
        intx.level = isAsserted
      },
      readMemory: (address, into) => config.isBusMaster && dma.read(address, into),
      writeMemory: (address, from) => config.isBusMaster && dma.write(address, from),
    }
  }

  #memoryOf(index: number, start: number): MappedDevice {
    return barMemory({
      size: this.#sizeOf(index) ?? 0,
      start,
      answers: () => this.#answers,
      load: (offset, into) => this.#function.load(index, offset, into),
      store: (offset, from) => this.#function.store(index, offset, from),
    })
  }

  /** Its memory does, for who does not come through the driver. */
  get #answers(): boolean {
    return this.#config.isMemoryOn && !this.#lowPower.isAsleep
  }

  /** Null for an index that the device does not know. */
  #sizeOf(index: number): number | null {
    if (index === VFIO_PCI_CONFIG_REGION_INDEX) return this.#config.size
    if (index === VFIO_PCI_ROM_REGION_INDEX) return this.#what.rom
    return index >= VFIO_PCI_VGA_REGION_INDEX ? null : (this.#what.bars[String(index)] ?? 0)
  }

  #isMappable(index: number): boolean {
    const isBar = index < VFIO_PCI_ROM_REGION_INDEX && this.#what.bars[String(index)] !== undefined
    return isBar && !this.#config.isIo(index)
  }

  /** EINVAL past the end; what reaches over it is cut short. EIO where memory decoding is off. */
  #clamp(index: number, within: number, wanted: number): number {
    const size = this.#sizeOf(index)
    if (size === null || within >= size) throw new Errno('EINVAL')
    const isIo = index < VFIO_PCI_ROM_REGION_INDEX && this.#config.isIo(index)
    if (!isIo && !this.#config.isMemoryOn) throw new Errno('EIO')
    return Math.min(wanted, size - within)
  }

  /** The kernel does not let the MSI-X table be read or written. */
  *#accesses(
    index: number,
    within: number,
    length: number,
  ): Generator<{ at: number; width: number; isTable: boolean }> {
    const table = this.#msixTable?.bar === index ? this.#msixTable : null
    const isTable = (at: number) => table !== null && within + at >= table.start && within + at < table.end
    for (const { at, width } of singleAccesses(within, length, this.#widest)) yield { at, width, isTable: isTable(at) }
  }

  /** The ROM begins with its signature; what follows is not modelled. */
  #load(index: number, offset: number, into: Uint8Array): void {
    if (index !== VFIO_PCI_ROM_REGION_INDEX) this.#function.load(index, offset, into)
    else for (const at of into.keys()) into[at] = [0x55, 0xaa][offset + at] ?? 0
  }

  /** Nothing answers where the device is gone: all ones. */
  #readConfig(into: Uint8Array, within: number): number {
    const length = this.#config.read(into, within)
    if (this.#isGone) into.fill(0xff)
    return length
  }

  #writeConfig(from: Uint8Array, within: number): number {
    const written = this.#config.write(from, within)
    this.#updateDmaBufs()
    this.#irqs.intx.look()
    return written
  }
}

/** Where a function was pulled out: loads give all ones, stores go nowhere. */
const absent: PciFunction = {
  load: (_bar, _offset, into) => {
    into.fill(0xff)
  },
  store() {},
  reset() {},
  close() {},
  save: () => null,
}
