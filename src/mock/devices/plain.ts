import { configHeader } from '../../uapi/pci.ts'
import { pciIrqIndex, pciRegionIndex } from '../../uapi/region.ts'
import { savedField } from '../base/saved.ts'
import type { ScenarioModel } from '../scenario/scenario.ts'
import type { DeviceContext } from '../sdk/device-context.ts'
import { LineIrq, MessageIrq } from '../sdk/irq.ts'
import { MdevModel } from '../sdk/mdev-model.ts'
import { MemoryRegion } from '../sdk/memory-region.ts'
import { PciConfig } from '../sdk/pci-config.ts'

const { VFIO_PCI_BAR0_REGION_INDEX, VFIO_PCI_CONFIG_REGION_INDEX } = pciRegionIndex
const { VFIO_PCI_INTX_IRQ_INDEX, VFIO_PCI_MSI_IRQ_INDEX } = pciIrqIndex

/** A vGPU whose insides are not modelled: ids, one trapped BAR of plain memory, INTx and MSI. */
export class PlainDevice extends MdevModel {
  readonly #config: PciConfig
  readonly #bar: MemoryRegion

  constructor(model: Extract<ScenarioModel, { kind: 'plain' }>, context: DeviceContext) {
    super(context)
    const { barSize, ...ids } = model
    const registers = { '0x3d': '01' }
    const config = { ...ids, bars: { 0: barSize }, registers, saved: savedField(context.saved, 'config') }
    this.#config = this.addRegion(VFIO_PCI_CONFIG_REGION_INDEX, new PciConfig(config))
    const memory = { size: barSize, saved: savedField(context.saved, 'bar') }
    this.#bar = this.addRegion(VFIO_PCI_BAR0_REGION_INDEX, new MemoryRegion(memory))
    this.addIrq(VFIO_PCI_INTX_IRQ_INDEX, new LineIrq())
    this.addIrq(VFIO_PCI_MSI_IRQ_INDEX, new MessageIrq())
  }

  /** The memory is empty then, and nothing is decoded. */
  override reset(): void {
    this.#bar.clear()
    this.#config.write(new Uint8Array(2), configHeader.command.offset)
    this.#config.write(new Uint8Array(4), configHeader.bar0.offset)
  }

  override save(): unknown {
    return { config: this.#config.save(), bar: this.#bar.save() }
  }
}
