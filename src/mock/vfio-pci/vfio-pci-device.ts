import type { Mapping, MmapOptions } from '../../kernel/kernel.ts'
import { deviceFlag } from '../../uapi/device.ts'
import { deviceFeatures } from '../../uapi/features.ts'
import { pciIrqIndex, pciRegionIndex } from '../../uapi/region.ts'
import { request as requests } from '../../uapi/requests.ts'
import type { Clock } from '../base/clock.ts'
import { Errno } from '../base/errno.ts'
import type { KernelTraits } from '../base/kernel-traits.ts'
import type { IoctlArgument } from '../descriptors/open-file.ts'
import type { DmaAccess } from '../memory/dma-mapping.ts'
import type { ScenarioPciDevice, ScenarioPciFunction } from '../scenario/scenario.ts'
import { ConfigSpace } from '../sdk/config-space.ts'
import type {
  DeviceDescription,
  DeviceModel,
  IrqDescription,
  IrqSetRequest,
  ModelIoeventfd,
  RegionDescription,
} from '../sdk/device-model.ts'
import type { CallingProcess, Feature } from '../sdk/feature.ts'
import type { PciBus, PciFunctionModel } from '../sdk/pci-function.ts'
import { splitOffset } from '../sdk/region.ts'
import { DmaBufs } from './dma-bufs.ts'
import { Ioeventfds } from './ioeventfds.ts'
import { IrqLines } from './irq-lines.ts'
import { LowPower } from './low-power.ts'
import { MsiRegisters } from './msi-registers.ts'
import { PciRegions } from './regions.ts'

const { VFIO_PCI_INTX_IRQ_INDEX, VFIO_PCI_MSI_IRQ_INDEX } = pciIrqIndex
const { VFIO_PCI_CONFIG_REGION_INDEX, VFIO_PCI_NUM_REGIONS } = pciRegionIndex
const irqIndexes = 5

/** The reset of the bus that a function is on, which takes more than the function. */
export interface HotReset {
  /** VFIO_DEVICE_GET_PCI_HOT_RESET_INFO. */
  info(argument: IoctlArgument): number
  /** VFIO_DEVICE_PCI_HOT_RESET. */
  reset(argument: IoctlArgument, process: CallingProcess): number
}

/** Services of the machine for the driver of one function. */
export interface PciServices {
  readonly dma: DmaAccess
  readonly clock: Clock
  readonly traits: KernelTraits
  readonly features: ReadonlyMap<number, Feature>
  readonly hotReset: HotReset
  /** True if the kernel has a way to reset the function at the moment. */
  canReset(): boolean
  /** The function raises an interrupt. */
  raised(index: number, vector: number): void
}

/** The driver vfio-pci on one function, open. */
export class VfioPciDevice implements DeviceModel {
  readonly features: ReadonlyMap<number, Feature>
  readonly #config: ConfigSpace
  readonly #canReset: () => boolean
  /** As it was tried when the device was opened. */
  readonly #resetWorks: boolean
  readonly #regions: PciRegions
  readonly #irqs: IrqLines
  readonly #ioeventfds = new Ioeventfds()
  readonly #lowPower = new LowPower(() => this.#updateDmaBufs())
  readonly #dmaBufs: DmaBufs
  readonly #hotReset: HotReset
  readonly #bus: PciBus
  #function: PciFunctionModel
  #isGone = false
  readonly #msi: MsiRegisters | null

  constructor(
    device: ScenarioPciDevice,
    what: ScenarioPciFunction,
    services: PciServices,
    make: (bus: PciBus) => PciFunctionModel,
  ) {
    const { traits, features, hotReset, canReset } = services
    this.#hotReset = hotReset
    this.#canReset = canReset
    this.#resetWorks = canReset()
    this.#dmaBufs = new DmaBufs((index) => this.#regions.memory(index), traits.pageSize)
    const dmaBuf = traits.makesDmaBufs ? [[deviceFeatures['dma-buf'].id, this.#dmaBufs.feature] as const] : []
    this.features = new Map([...features, ...this.#lowPower.features, ...dmaBuf])
    this.#config = new ConfigSpace(device, what)
    this.#irqs = new IrqLines(this.#config, traits)
    const { messages } = this.#irqs
    const msi = this.#config.find('msi')
    const isEnabled = () => messages.index === VFIO_PCI_MSI_IRQ_INDEX
    this.#msi = msi === null ? null : new MsiRegisters(this.#config, msi, isEnabled)
    const behind = { function: () => this.#function, answers: () => this.#answers }
    this.#regions = new PciRegions(what, this.#config, behind, traits)
    this.#bus = this.#makeBus(services)
    this.#function = make(this.#bus)
    // the driver resets what it can at every open
    if (this.#resetWorks) this.#bus.setIntx(false)
    this.#updateDmaBufs()
  }

  wake(): void {
    this.#lowPower.access()
  }

  info(): DeviceDescription {
    const reset = this.#resetWorks ? deviceFlag.VFIO_DEVICE_FLAGS_RESET : 0
    return { flags: deviceFlag.VFIO_DEVICE_FLAGS_PCI | reset, regions: VFIO_PCI_NUM_REGIONS, irqs: irqIndexes }
  }

  region(index: number): RegionDescription {
    return this.#regions.describe(index)
  }

  irq(index: number): IrqDescription {
    return this.#irqs.describe(index)
  }

  setIrqs(set: IrqSetRequest): void {
    const { messages } = this.#irqs
    const had = messages.index
    this.#irqs.set(set)
    if (had !== null || messages.index === null) return
    if (messages.index === VFIO_PCI_MSI_IRQ_INDEX) this.#msi?.enabled(messages.count)
    // a function that sends messages asserts INTx no more
    this.#bus.setIntx(false)
  }

  /** The configuration space is kept: the kernel puts it back afterwards. */
  reset(): void {
    if (!this.#resetWorks) throw new Errno('EINVAL')
    if (!this.#canReset()) throw new Errno('ENOTTY')
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
    this.#msi?.restored()
    this.#bus.setIntx(false)
  }

  read(into: Uint8Array, offset: number): number {
    const { index, within } = this.#reach(offset)
    if (index === VFIO_PCI_CONFIG_REGION_INDEX) return this.#readConfig(into, within)
    return this.#regions.read(into, index, within)
  }

  write(from: Uint8Array, offset: number): number {
    const { index, within } = this.#reach(offset)
    if (index === VFIO_PCI_CONFIG_REGION_INDEX) return this.#writeConfig(from, within)
    return this.#regions.write(from, index, within)
  }

  /** EINVAL if there is no such region: the device sleeps on. */
  #reach(offset: number): ReturnType<typeof splitOffset> {
    const place = splitOffset(offset)
    if (place.index >= VFIO_PCI_NUM_REGIONS) throw new Errno('EINVAL')
    this.#lowPower.access()
    return place
  }

  mmap(options: MmapOptions): Mapping {
    return this.#regions.map(options)
  }

  ioeventfd(request: ModelIoeventfd): void {
    this.#ioeventfds.set(request, this.#regions.eventfdWrite(request))
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
    const msi = this.#msi
    const { intx, messages } = this.#irqs
    return {
      clock,
      get hasMessages() {
        return messages.index !== null && msi?.isTurnedOff !== true
      },
      sendMessage: (vector) => {
        if (!config.isBusMaster || msi?.isTurnedOff === true) return
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

  /** Its memory does, for who does not come through the driver. */
  get #answers(): boolean {
    return this.#config.isMemoryOn && !this.#lowPower.isAsleep
  }

  /** Nothing answers if the device is gone: all ones. */
  #readConfig(into: Uint8Array, within: number): number {
    const length = this.#config.read(into, within)
    this.#msi?.read(into, within)
    if (this.#isGone) into.fill(0xff)
    return length
  }

  #writeConfig(from: Uint8Array, within: number): number {
    const written = this.#config.write(from, within)
    this.#msi?.write(from, within)
    this.#updateDmaBufs()
    this.#irqs.intx.look()
    return written
  }
}

/** Model of a function that was pulled out: loads give all ones, stores go nowhere. */
const absent: PciFunctionModel = {
  load: (_bar, _offset, into) => {
    into.fill(0xff)
  },
  store() {},
  reset() {},
  close() {},
  save: () => null,
}
