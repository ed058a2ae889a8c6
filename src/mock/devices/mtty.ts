import { deviceFlag } from '../../uapi/device.ts'
import { deviceState } from '../../uapi/features.ts'
import { pciRegionIndex, regionFlag } from '../../uapi/region.ts'
import { Errno } from '../base/errno.ts'
import type { KernelTraits } from '../base/kernel-traits.ts'
import { savedField, savedFlag, savedNumber } from '../base/saved.ts'
import { singleAccesses } from '../memory/single-accesses.ts'
import {
  checkIrqSet,
  type DeviceDescription,
  type DeviceModel,
  type IrqDescription,
  type IrqSetRequest,
  type RegionDescription,
} from '../sdk/device-model.ts'
import type { Feature } from '../sdk/feature.ts'
import type { ModelMigration } from '../sdk/migration.ts'
import { regionOffset, splitOffset } from '../sdk/region.ts'
import { MttyConfig } from './mtty-config.ts'
import { EarlyMttyIrqs, LateMttyIrqs, type MttyIrqs } from './mtty-irqs.ts'
import { emptyLog } from './mtty-logging.ts'
import { mttyMigration } from './mtty-migration.ts'
import { Uart } from './uart.ts'

const { VFIO_PCI_BAR0_REGION_INDEX, VFIO_PCI_BAR1_REGION_INDEX, VFIO_PCI_BAR5_REGION_INDEX } = pciRegionIndex
const { VFIO_PCI_CONFIG_REGION_INDEX, VFIO_PCI_NUM_REGIONS } = pciRegionIndex
const irqIndexes = 5
const portBytes = 8

/**
 * The sample serial card of the kernel (samples/vfio-mdev/mtty.c): one or two UARTs behind I/O BARs. If the
 * driver would reach out of bounds, the model reads zeros.
 */
export class Mtty implements DeviceModel {
  readonly #ports: 1 | 2
  readonly #config: MttyConfig
  readonly #uarts: readonly [Uart, Uart]
  #infoAsked: boolean
  readonly #irqs: MttyIrqs
  readonly #migration: ModelMigration
  readonly features: ReadonlyMap<number, Feature>

  constructor(ports: 1 | 2, { traits, saved }: { traits: KernelTraits; saved: unknown }) {
    this.#ports = ports
    this.#irqs = traits.mttyMasks ? new LateMttyIrqs() : new EarlyMttyIrqs()
    this.#config = new MttyConfig(ports, savedField(saved, 'config'))
    const uart = (name: string) => new Uart(savedField(saved, name), () => this.#irqs.signal())
    this.#uarts = [uart('port0'), uart('port1')]
    this.#infoAsked = savedFlag(saved, 'infoAsked')
    const { VFIO_DEVICE_STATE_RUNNING, VFIO_DEVICE_STATE_PRE_COPY_P2P } = deviceState
    const state = savedNumber(saved, 'state', VFIO_DEVICE_STATE_RUNNING, VFIO_DEVICE_STATE_PRE_COPY_P2P)
    this.#migration = mttyMigration(this.#uarts.slice(0, ports), state)
    this.features = new Map(traits.mttyMigrates ? [...this.#migration.features(traits), ...emptyLog(traits)] : [])
  }

  save(): unknown {
    const [port0, port1] = this.#uarts
    return {
      config: this.#config.save(),
      port0: port0.save(),
      port1: port1.save(),
      infoAsked: this.#infoAsked,
      state: this.#migration.state,
    }
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
    return this.#irqs.describe(index)
  }

  setIrqs(set: IrqSetRequest): void {
    // the driver hands over its number of indexes where the number of vectors belongs
    checkIrqSet(set, { indexes: irqIndexes, vectors: this.#knownIrqs })
    this.#irqs.set(set)
  }

  /** Ends a migration, leaves the ports alone, and succeeds although the device does not say that it can be reset. */
  reset(): void {
    this.#migration.reset()
  }

  close(): void {
    this.#migration.endSession()
  }

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
}
