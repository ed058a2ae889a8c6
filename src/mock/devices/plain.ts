import { deviceFlag } from '../../uapi/device-info.ts'
import { pciIrqIndex, pciRegionIndex } from '../../uapi/indexes.ts'
import { irqInfoFlag } from '../../uapi/irq-info.ts'
import { irqSetFlag } from '../../uapi/irq-set.ts'
import { configHeader } from '../../uapi/pci-regs.ts'
import { regionFlag } from '../../uapi/region-info.ts'
import {
  checkIrqSet,
  type DeviceDescription,
  type DeviceModel,
  type EventSink,
  type IrqDescription,
  type IrqSetRequest,
  type RegionDescription,
  regionOffset,
  singleAccesses,
  splitOffset,
} from '../device.ts'
import { Errno } from '../errno.ts'
import type { ScenarioModel } from '../scenario.ts'
import { restoreBytes, saveBytes, savedField } from './saved.ts'
import { SparseMemory } from './sparse-memory.ts'

const { VFIO_PCI_BAR0_REGION_INDEX, VFIO_PCI_CONFIG_REGION_INDEX, VFIO_PCI_NUM_REGIONS } = pciRegionIndex
const { VFIO_PCI_INTX_IRQ_INDEX, VFIO_PCI_MSI_IRQ_INDEX } = pciIrqIndex
const configSize = 256
const irqIndexes = 5

/** What there is to say of a vGPU whose insides are not modelled: ids, one trapped BAR of plain memory, INTx and MSI. */
export class PlainDevice implements DeviceModel {
  readonly #config = new Uint8Array(configSize)
  readonly #view = new DataView(this.#config.buffer)
  readonly #bar: SparseMemory
  readonly #sinks = new Map<number, EventSink>()

  constructor(model: Extract<ScenarioModel, { kind: 'plain' }>, saved: unknown) {
    this.#view.setUint16(configHeader.vendorId.offset, model.vendor, true)
    this.#view.setUint16(configHeader.deviceId.offset, model.device, true)
    this.#view.setUint32(configHeader.revisionId.offset, ((model.class << 8) | model.revision) >>> 0, true)
    this.#view.setUint16(configHeader.subsystemVendorId.offset, model.subsystemVendor, true)
    this.#view.setUint16(configHeader.subsystemId.offset, model.subsystemDevice, true)
    this.#config[configHeader.interruptPin.offset] = 1
    restoreBytes(this.#config, savedField(saved, 'config'))
    this.#bar = new SparseMemory(model.barSize, savedField(saved, 'bar'))
  }

  save(): unknown {
    return { config: saveBytes(this.#config), bar: this.#bar.save() }
  }

  info(): DeviceDescription {
    const flags = deviceFlag.VFIO_DEVICE_FLAGS_PCI | deviceFlag.VFIO_DEVICE_FLAGS_RESET
    return { flags, regions: VFIO_PCI_NUM_REGIONS, irqs: irqIndexes }
  }

  region(index: number): RegionDescription {
    if (index >= VFIO_PCI_NUM_REGIONS) throw new Errno('EINVAL')
    const size = this.#sizeOf(index)
    const flags = regionFlag.VFIO_REGION_INFO_FLAG_READ | regionFlag.VFIO_REGION_INFO_FLAG_WRITE
    return { flags: size === 0 ? 0 : flags, size, offset: regionOffset(index) }
  }

  irq(index: number): IrqDescription {
    if (index >= irqIndexes) throw new Errno('EINVAL')
    const { VFIO_IRQ_INFO_EVENTFD, VFIO_IRQ_INFO_MASKABLE, VFIO_IRQ_INFO_AUTOMASKED, VFIO_IRQ_INFO_NORESIZE } =
      irqInfoFlag
    const kind =
      index === VFIO_PCI_INTX_IRQ_INDEX ? VFIO_IRQ_INFO_MASKABLE | VFIO_IRQ_INFO_AUTOMASKED : VFIO_IRQ_INFO_NORESIZE
    return { flags: VFIO_IRQ_INFO_EVENTFD | kind, count: index <= VFIO_PCI_MSI_IRQ_INDEX ? 1 : 0 }
  }

  /** One vector each: an eventfd ties it, -1 unties it; no data with count 0 disables, else it is a test shot. */
  setIrqs(set: IrqSetRequest): void {
    checkIrqSet(set, { indexes: irqIndexes, vectors: set.index <= VFIO_PCI_MSI_IRQ_INDEX ? 1 : 0 })
    if ((set.flags & irqSetFlag.VFIO_IRQ_SET_ACTION_TRIGGER) === 0) {
      if (set.index !== VFIO_PCI_INTX_IRQ_INDEX) throw new Errno('ENOTTY')
    } else if (set.count === 0) {
      if ((set.flags & irqSetFlag.VFIO_IRQ_SET_DATA_NONE) !== 0) this.#sinks.delete(set.index)
    } else if ((set.flags & irqSetFlag.VFIO_IRQ_SET_DATA_EVENTFD) !== 0) {
      const fd = new DataView(set.data.buffer, set.data.byteOffset).getInt32(0, true)
      if (fd < 0) this.#sinks.delete(set.index)
      else this.#sinks.set(set.index, set.eventfd(fd))
    } else if ((set.flags & irqSetFlag.VFIO_IRQ_SET_DATA_NONE) !== 0 || set.data[0] !== 0) {
      this.#sinks.get(set.index)?.signal()
    }
  }

  reset(): void {
    this.#bar.clear()
    this.#view.setUint16(configHeader.command.offset, 0, true)
    this.#view.setUint32(configHeader.bar0.offset, 0, true)
  }

  read(into: Uint8Array, offset: number): number {
    const { index, within, length } = this.#clamp(offset, into.length)
    const target = into.subarray(0, length)
    if (index === VFIO_PCI_CONFIG_REGION_INDEX) target.set(this.#config.subarray(within, within + length))
    else this.#bar.read(target, within)
    return length
  }

  write(from: Uint8Array, offset: number): number {
    const { index, within, length } = this.#clamp(offset, from.length)
    const source = from.subarray(0, length)
    if (index !== VFIO_PCI_CONFIG_REGION_INDEX) this.#bar.write(source, within)
    else {
      for (const { at, width } of singleAccesses(within, length)) {
        this.#writeConfig(source.subarray(at, at + width), within + at)
      }
    }
    return length
  }

  #sizeOf(index: number): number {
    if (index === VFIO_PCI_CONFIG_REGION_INDEX) return configSize
    return index === VFIO_PCI_BAR0_REGION_INDEX ? this.#bar.size : 0
  }

  /** As vfio-pci does it: an access past the end is EINVAL, one across it is cut short. */
  #clamp(offset: number, wanted: number): { index: number; within: number; length: number } {
    const { index, within } = splitOffset(offset)
    const size = this.#sizeOf(index)
    if (within >= size) throw new Errno('EINVAL')
    return { index, within, length: Math.min(wanted, size - within) }
  }

  #writeConfig(from: Uint8Array, offset: number): void {
    for (const [at, byte] of from.entries()) {
      const mask = writableBits[offset + at] ?? 0
      this.#config[offset + at] = ((this.#config[offset + at] ?? 0) & ~mask) | (byte & mask)
    }
    const bar = configHeader.bar0.offset
    const address = this.#view.getUint32(bar, true) & -this.#bar.size
    this.#view.setUint32(bar, address >>> 0, true)
  }
}

/** Command, BAR0 and interrupt line, by byte. */
const writableBits: Readonly<Record<number, number>> = {
  4: 0x07,
  5: 0x04,
  16: 0xf0,
  17: 0xff,
  18: 0xff,
  19: 0xff,
  60: 0xff,
}
