import { VfioError } from '../../base/errors.ts'
import type { DeviceFlags } from '../../uapi/device.ts'
import { pciIrqIndex } from '../../uapi/region.ts'

interface Enabled {
  readonly index: number
  readonly name: string
}

/**
 * The ways in which a PCI device signals an interrupt: vfio-pci sets up one of them at a time. err and req are apart.
 */
const deliveries: readonly number[] = [
  pciIrqIndex.VFIO_PCI_INTX_IRQ_INDEX,
  pciIrqIndex.VFIO_PCI_MSI_IRQ_INDEX,
  pciIrqIndex.VFIO_PCI_MSIX_IRQ_INDEX,
]

/** The irq indexes of one open device that are enabled through it. */
export class ActiveIrqs {
  readonly #device: string
  readonly #exclusive: readonly number[]
  readonly #active = new Map<number, Enabled>()

  constructor(device: string, flags: DeviceFlags) {
    this.#device = device
    this.#exclusive = flags.pci ? deliveries : []
  }

  /** True for the indexes of which only one can be enabled at a time. */
  isExclusive({ index }: { readonly index: number }): boolean {
    return this.#exclusive.includes(index)
  }

  /** Throws DEVICE_BUSY, naming what is enabled. */
  check(irq: Enabled): void {
    const { index, name } = irq
    const rival = [...this.#active.values()].find((one) => this.isExclusive(one) && this.isExclusive(irq))
    const active = this.#active.get(index) ?? rival
    if (active === undefined) return
    const because =
      active.index === index
        ? 'it is enabled already'
        : `${active.name} is enabled, and a device uses one of them at a time`
    throw new VfioError('DEVICE_BUSY', `cannot enable ${name} of ${this.#device}: ${because}`, {
      hint: active.index === index ? 'add vectors to what is enabled, or close it' : `close the enabled ${active.name}`,
      facts: { irq: name, active: active.name },
    })
  }

  begin(irq: Enabled): void {
    this.#active.set(irq.index, irq)
  }

  end({ index }: Enabled): void {
    this.#active.delete(index)
  }
}
