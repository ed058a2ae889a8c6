import { migrationFlag } from '../../uapi/features.ts'
import { configHeader } from '../../uapi/pci.ts'
import { pciIrqIndex, pciRegionIndex } from '../../uapi/region.ts'
import { Errno } from '../base/errno.ts'
import { savedField } from '../base/saved.ts'
import type { ScenarioModel } from '../scenario/scenario.ts'
import type { DeviceContext } from '../sdk/device-context.ts'
import { LineIrq, MessageIrq } from '../sdk/irq.ts'
import { MdevModel } from '../sdk/mdev-model.ts'
import { MemoryRegion } from '../sdk/memory-region.ts'
import { ModelMigration } from '../sdk/migration.ts'
import { PciConfig } from '../sdk/pci-config.ts'
import { header, isHeader, readPages, writePages } from './vgpu-stream.ts'

const { VFIO_PCI_BAR0_REGION_INDEX, VFIO_PCI_BAR1_REGION_INDEX, VFIO_PCI_CONFIG_REGION_INDEX } = pciRegionIndex
const { VFIO_PCI_INTX_IRQ_INDEX, VFIO_PCI_MSI_IRQ_INDEX } = pciIrqIndex
const registersSize = 16 * 2 ** 20
/** The window through which the processor sees the framebuffer, in bytes at most. */
const apertureSize = 256 * 2 ** 20
/** Command, cache line and BARs: what of configuration space goes with the device. */
const kept = { start: 0x04, end: 0x28 } as const

/**
 * A vGPU as NVIDIA's drivers give one to VFIO: registers that are trapped, a window to the framebuffer whose pages are
 * there from their first touch on, INTx and MSI, and migration once it is stopped. No graphics is behind it: registers
 * and framebuffer keep what is written to them.
 */
export class Vgpu extends MdevModel {
  readonly #config: PciConfig
  readonly #registers: MemoryRegion
  readonly #framebuffer: MemoryRegion
  readonly #migration: ModelMigration

  constructor(model: Extract<ScenarioModel, { kind: 'vgpu' }>, context: DeviceContext) {
    super(context)
    const { framebufferMiB, ...ids } = model
    const aperture = Math.min(2 ** Math.floor(Math.log2(framebufferMiB)) * 2 ** 20, apertureSize)
    this.#config = this.addRegion(
      VFIO_PCI_CONFIG_REGION_INDEX,
      new PciConfig({
        ...ids,
        bars: { 0: registersSize, 1: aperture },
        // a capability list with MSI of one vector; BAR1 is of 64 bits and prefetchable
        registers: { '0x06': '1000', '0x14': '0c', '0x34': '68', '0x3d': '01', '0x68': '05008000' },
        onDecode: (isOn) => {
          if (!isOn) this.#framebuffer.takeBack()
        },
        saved: savedField(context.saved, 'config'),
      }),
    )
    const saved = (name: string) => savedField(context.saved, name)
    const { pageSize } = context.traits
    const registers = { size: registersSize, pageSize, saved: saved('registers') }
    this.#registers = this.addRegion(VFIO_PCI_BAR0_REGION_INDEX, new MemoryRegion(registers))
    const fault = () => this.#config.isMemoryOn
    const framebuffer = { size: aperture, pageSize, saved: saved('framebuffer'), mmap: { fault } }
    this.#framebuffer = this.addRegion(VFIO_PCI_BAR1_REGION_INDEX, new MemoryRegion(framebuffer))
    this.addIrq(VFIO_PCI_INTX_IRQ_INDEX, new LineIrq())
    this.addIrq(VFIO_PCI_MSI_IRQ_INDEX, new MessageIrq())
    this.#migration = this.#makeMigration(model)
    for (const [number, feature] of this.#migration.features(context.traits)) this.features.set(number, feature)
  }

  /** The memory is empty then, nothing is decoded, and no migration is under way. */
  override reset(): void {
    this.#registers.clear()
    this.#framebuffer.clear()
    this.#framebuffer.takeBack()
    this.#config.write(new Uint8Array(2), configHeader.command.offset)
    for (let at: number = configHeader.bar0.offset; at < kept.end; at += 4) this.#config.write(new Uint8Array(4), at)
    this.#migration.reset()
  }

  /** A migration that is under way ends; the device runs when it is opened again. */
  override close(): void {
    super.close()
    this.#migration.reset()
  }

  override save(): unknown {
    return {
      config: this.#config.save(),
      registers: this.#registers.save(),
      framebuffer: this.#framebuffer.save(),
    }
  }

  #makeMigration(model: Extract<ScenarioModel, { kind: 'vgpu' }>): ModelMigration {
    const own = header(model)
    const body = () => {
      const config = new Uint8Array(kept.end - kept.start)
      this.#config.read(config, kept.start)
      return Buffer.concat([config, writePages([this.#registers, this.#framebuffer])])
    }
    return new ModelMigration({
      name: '[nvidia-vgpu]',
      flags: migrationFlag.VFIO_MIGRATION_STOP_COPY,
      size: () => 2 * (registersSize + this.#framebuffer.size),
      header: () => own,
      body,
      check(data, before) {
        if (before < own.length && data.length >= own.length && !isHeader(data, own)) throw new Errno('EINVAL')
      },
      load: (data) => this.#load(data.subarray(own.length)),
    })
  }

  /** All or nothing: what it holds is looked at before any of it is taken. */
  #load(data: Uint8Array): void {
    const size = kept.end - kept.start
    const regions = [this.#registers, this.#framebuffer]
    const { pageSize } = this.context.traits
    const pages = data.length < size ? null : readPages(data.subarray(size), regions, pageSize)
    if (pages === null) throw new Errno('EINVAL')
    this.reset()
    for (const { region, offset, bytes } of pages) region.write(bytes, offset)
    for (let at: number = kept.start; at < kept.end; at += 4) {
      this.#config.write(data.subarray(at - kept.start, at - kept.start + 4), at)
    }
  }
}
