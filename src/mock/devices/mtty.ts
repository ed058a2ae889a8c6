import { deviceFlag } from '../../uapi/device-info.ts'
import { pciIrqIndex, pciRegionIndex } from '../../uapi/indexes.ts'
import { irqInfoFlag } from '../../uapi/irq-info.ts'
import { irqSetFlag } from '../../uapi/irq-set.ts'
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
import { MttyConfig } from './mtty-config.ts'
import { savedField, savedFlag } from './saved.ts'
import { Uart } from './uart.ts'

const { VFIO_PCI_BAR0_REGION_INDEX, VFIO_PCI_BAR1_REGION_INDEX, VFIO_PCI_BAR5_REGION_INDEX } = pciRegionIndex
const { VFIO_PCI_CONFIG_REGION_INDEX, VFIO_PCI_NUM_REGIONS } = pciRegionIndex
const { VFIO_PCI_INTX_IRQ_INDEX, VFIO_PCI_MSI_IRQ_INDEX, VFIO_PCI_REQ_IRQ_INDEX } = pciIrqIndex
const irqIndexes = 5
const portBytes = 8
const actions =
  irqSetFlag.VFIO_IRQ_SET_ACTION_MASK | irqSetFlag.VFIO_IRQ_SET_ACTION_UNMASK | irqSetFlag.VFIO_IRQ_SET_ACTION_TRIGGER

/**
 * The sample serial card of the kernel (samples/vfio-mdev/mtty.c), as in Linux 6.1: one or two UARTs behind I/O BARs.
 *
 * In 6.1 it takes any eventfd for INTx and MSI, masks nothing, and signals each event. Where that driver would go on
 * with freed memory (an interrupt disabled and enabled again, accesses out of bounds) the model does what was meant, or
 * reads zeros.
 */
export class Mtty implements DeviceModel {
  readonly #ports: 1 | 2
  readonly #config: MttyConfig
  readonly #uarts: readonly [Uart, Uart]
  #infoAsked: boolean
  #delivery: 'none' | 'intx' | 'msi' = 'none'
  #intx: EventSink | null = null
  #msi: EventSink | null = null

  constructor(ports: 1 | 2, saved: unknown) {
    this.#ports = ports
    this.#config = new MttyConfig(ports, savedField(saved, 'config'))
    const uart = (name: string) => new Uart(savedField(saved, name), () => this.#interrupt())
    this.#uarts = [uart('port0'), uart('port1')]
    this.#infoAsked = savedFlag(saved, 'infoAsked')
  }

  save(): unknown {
    const [port0, port1] = this.#uarts
    return { config: this.#config.save(), port0: port0.save(), port1: port1.save(), infoAsked: this.#infoAsked }
  }

  info(): DeviceDescription {
    this.#infoAsked = true
    return { flags: deviceFlag.VFIO_DEVICE_FLAGS_PCI, regions: VFIO_PCI_NUM_REGIONS, irqs: irqIndexes }
  }

  /** Regions of no size say that they can be read and written all the same. */
  region(index: number): RegionDescription {
    if (index >= VFIO_PCI_NUM_REGIONS) throw new Errno('EINVAL')
    const hasPort = index === VFIO_PCI_BAR0_REGION_INDEX || (index === VFIO_PCI_BAR1_REGION_INDEX && this.#ports === 2)
    return {
      flags: regionFlag.VFIO_REGION_INFO_FLAG_READ | regionFlag.VFIO_REGION_INFO_FLAG_WRITE,
      size: index === VFIO_PCI_CONFIG_REGION_INDEX ? this.#config.size : hasPort ? portBytes : 0,
      offset: regionOffset(index),
    }
  }

  irq(index: number): IrqDescription {
    if (index >= this.#knownIrqs) throw new Errno('EINVAL')
    const { VFIO_IRQ_INFO_EVENTFD, VFIO_IRQ_INFO_NORESIZE } = irqInfoFlag
    switch (index) {
      case VFIO_PCI_INTX_IRQ_INDEX: {
        const masks = irqInfoFlag.VFIO_IRQ_INFO_MASKABLE | irqInfoFlag.VFIO_IRQ_INFO_AUTOMASKED
        return { flags: VFIO_IRQ_INFO_EVENTFD | masks, count: 1 }
      }
      case VFIO_PCI_MSI_IRQ_INDEX:
      case VFIO_PCI_REQ_IRQ_INDEX:
        return { flags: VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_NORESIZE, count: 1 }
      default:
        throw new Errno('EINVAL')
    }
  }

  setIrqs(set: IrqSetRequest): void {
    // the driver hands over its number of indexes where the number of vectors belongs
    checkIrqSet(set, { indexes: irqIndexes, vectors: this.#knownIrqs })
    if ((set.flags & actions) !== irqSetFlag.VFIO_IRQ_SET_ACTION_TRIGGER) return
    if (set.index === VFIO_PCI_INTX_IRQ_INDEX) this.#setIntx(set)
    else if (set.index === VFIO_PCI_MSI_IRQ_INDEX) this.#setMsi(set)
  }

  /** Does nothing, and succeeds although the device does not say that it can be reset. */
  reset(): void {}

  read(into: Uint8Array, offset: number): number {
    into.fill(0)
    for (const { at, width } of singleAccesses(offset, into.length)) {
      const { index, within } = splitOffset(offset + at)
      if (index === VFIO_PCI_CONFIG_REGION_INDEX) this.#config.read(into.subarray(at, at + width), within)
      else into[at] = this.#uartOf(index)?.read(within & 0xffff) ?? 0
    }
    return into.length
  }

  write(from: Uint8Array, offset: number): number {
    for (const { at, width } of singleAccesses(offset, from.length)) {
      const { index, within } = splitOffset(offset + at)
      if (index === VFIO_PCI_CONFIG_REGION_INDEX) this.#config.write(from.subarray(at, at + width), within & 0xffff)
      else this.#uartOf(index)?.write(within & 0xffff, from[at] ?? 0)
    }
    return from.length
  }

  /** None until GET_INFO was asked once in the device's life: the driver copies the number from its answer. */
  get #knownIrqs(): number {
    return this.#infoAsked ? irqIndexes : 0
  }

  /** Both UARTs exist on a card of one port too. The other BARs reach past the driver's array: nothing here. */
  #uartOf(index: number): Uart | undefined {
    if (index > VFIO_PCI_BAR5_REGION_INDEX) throw new Errno('EFAULT')
    return this.#uarts[index]
  }

  #setIntx(set: IrqSetRequest): void {
    if ((set.flags & irqSetFlag.VFIO_IRQ_SET_DATA_NONE) !== 0) {
      this.#intx = null
      return
    }
    const fd = firstEventfd(set)
    if (fd === null) return
    this.#intx = set.eventfd(fd)
    this.#delivery = 'intx'
  }

  #setMsi(set: IrqSetRequest): void {
    if ((set.flags & irqSetFlag.VFIO_IRQ_SET_DATA_NONE) !== 0) {
      this.#msi = null
      this.#delivery = 'intx'
      return
    }
    const fd = firstEventfd(set)
    if (fd === null || this.#msi !== null) return
    this.#msi = set.eventfd(fd)
    this.#delivery = 'msi'
  }

  #interrupt(): void {
    if (this.#delivery === 'msi') this.#msi?.signal()
    else if (this.#delivery === 'intx') this.#intx?.signal()
  }
}

/** The driver looks at one descriptor, and takes 0 and below for none. */
function firstEventfd({ flags, count, data }: IrqSetRequest): number | null {
  if ((flags & irqSetFlag.VFIO_IRQ_SET_DATA_EVENTFD) === 0 || count === 0) return null
  const fd = new DataView(data.buffer, data.byteOffset, data.byteLength).getInt32(0, true)
  return fd > 0 ? fd : null
}
