import { kernelOrder } from '../../base/byte-order.ts'
import { irqInfoFlag, irqSetFlag } from '../../uapi/irq.ts'
import { pciIrqIndex } from '../../uapi/region.ts'
import { Errno } from '../base/errno.ts'
import type { EventSink, IrqDescription, IrqSetRequest } from '../sdk/device-model.ts'
import { isTriggered } from '../sdk/irq.ts'

const { VFIO_PCI_INTX_IRQ_INDEX, VFIO_PCI_MSI_IRQ_INDEX, VFIO_PCI_REQ_IRQ_INDEX } = pciIrqIndex
const { VFIO_IRQ_SET_DATA_NONE, VFIO_IRQ_SET_DATA_EVENTFD } = irqSetFlag
const { VFIO_IRQ_SET_ACTION_MASK, VFIO_IRQ_SET_ACTION_UNMASK, VFIO_IRQ_SET_ACTION_TRIGGER } = irqSetFlag
const actions = VFIO_IRQ_SET_ACTION_MASK | VFIO_IRQ_SET_ACTION_UNMASK | VFIO_IRQ_SET_ACTION_TRIGGER

/** Interrupts of mtty. */
export interface MttyIrqs {
  /** EINVAL for an index that it has no interrupt for. */
  describe(index: number): IrqDescription
  /** A request that `checkIrqSet` has found well formed. */
  set(set: IrqSetRequest): void
  /** One event of a UART. */
  signal(): void
}

function describe(index: number): IrqDescription {
  const { VFIO_IRQ_INFO_EVENTFD, VFIO_IRQ_INFO_MASKABLE, VFIO_IRQ_INFO_AUTOMASKED, VFIO_IRQ_INFO_NORESIZE } =
    irqInfoFlag
  const kind =
    index === VFIO_PCI_INTX_IRQ_INDEX ? VFIO_IRQ_INFO_MASKABLE | VFIO_IRQ_INFO_AUTOMASKED : VFIO_IRQ_INFO_NORESIZE
  return { flags: VFIO_IRQ_INFO_EVENTFD | kind, count: 1 }
}

/**
 * Up to Linux 6.6: any eventfd for INTx and MSI, each event signalled, nothing masked. If that driver would go on with
 * freed memory (an interrupt disabled and enabled again), this does what was meant.
 */
export class EarlyMttyIrqs implements MttyIrqs {
  #delivery: 'none' | 'intx' | 'msi' = 'none'
  #intx: EventSink | null = null
  #msi: EventSink | null = null

  describe(index: number): IrqDescription {
    const known: readonly number[] = [VFIO_PCI_INTX_IRQ_INDEX, VFIO_PCI_MSI_IRQ_INDEX, VFIO_PCI_REQ_IRQ_INDEX]
    if (!known.includes(index)) throw new Errno('EINVAL')
    return describe(index)
  }

  set(set: IrqSetRequest): void {
    if ((set.flags & actions) !== VFIO_IRQ_SET_ACTION_TRIGGER) return
    if (set.index === VFIO_PCI_INTX_IRQ_INDEX) this.#setIntx(set)
    else if (set.index === VFIO_PCI_MSI_IRQ_INDEX) this.#setMsi(set)
  }

  signal(): void {
    if (this.#delivery === 'msi') this.#msi?.signal()
    else if (this.#delivery === 'intx') this.#intx?.signal()
  }

  #setIntx(set: IrqSetRequest): void {
    if ((set.flags & VFIO_IRQ_SET_DATA_NONE) !== 0) {
      this.#intx = null
      return
    }
    const fd = firstEventfd(set)
    if (fd === null || fd <= 0) return
    this.#intx = set.eventfd(fd)
    this.#delivery = 'intx'
  }

  #setMsi(set: IrqSetRequest): void {
    if ((set.flags & VFIO_IRQ_SET_DATA_NONE) !== 0) {
      this.#msi = null
      this.#delivery = 'intx'
      return
    }
    const fd = firstEventfd(set)
    if (fd === null || fd <= 0 || this.#msi !== null) return
    this.#msi = set.eventfd(fd)
    this.#delivery = 'msi'
  }
}

/**
 * Since Linux 6.7: one of INTx and MSI at a time, and INTx masks itself at each event, which one that comes then
 * misses.
 */
export class LateMttyIrqs implements MttyIrqs {
  #index: number | null = null
  #sink: EventSink | null = null
  #isMasked = false

  describe(index: number): IrqDescription {
    if (index > VFIO_PCI_MSI_IRQ_INDEX) throw new Errno('EINVAL')
    return describe(index)
  }

  set(set: IrqSetRequest): void {
    if (set.index > VFIO_PCI_MSI_IRQ_INDEX) throw new Errno('ENOTTY')
    const action = set.flags & actions
    if (action === VFIO_IRQ_SET_ACTION_TRIGGER) this.#trigger(set)
    else if (action === VFIO_IRQ_SET_ACTION_MASK || action === VFIO_IRQ_SET_ACTION_UNMASK) {
      if (set.index === VFIO_PCI_MSI_IRQ_INDEX) throw new Errno('ENOTTY')
      this.#mask(set, action === VFIO_IRQ_SET_ACTION_MASK)
    }
  }

  signal(): void {
    if (this.#index === VFIO_PCI_INTX_IRQ_INDEX) {
      if (this.#isMasked || this.#sink === null) return
      this.#isMasked = true
    }
    this.#sink?.signal()
  }

  #mask(set: IrqSetRequest, isMasked: boolean): void {
    if (this.#index !== VFIO_PCI_INTX_IRQ_INDEX || set.start !== 0 || set.count !== 1) throw new Errno('EINVAL')
    if ((set.flags & VFIO_IRQ_SET_DATA_EVENTFD) !== 0) throw new Errno('ENOTTY')
    if (isTriggered(set, 0)) this.#isMasked = isMasked
  }

  #trigger(set: IrqSetRequest): void {
    const isActive = this.#index === set.index
    if (isActive && set.count === 0 && (set.flags & VFIO_IRQ_SET_DATA_NONE) !== 0) {
      this.#disable()
      return
    }
    if ((!isActive && this.#index !== null) || set.start !== 0 || set.count !== 1) throw new Errno('EINVAL')
    const fd = firstEventfd(set)
    if (fd !== null) {
      this.#disable()
      if (fd < 0) return
      this.#sink = set.eventfd(fd)
      this.#index = set.index
    } else if (!isActive) throw new Errno('EINVAL')
    else if (isTriggered(set, 0)) this.signal()
  }

  #disable(): void {
    this.#index = null
    this.#sink = null
    this.#isMasked = false
  }
}

/** The driver looks at one descriptor. Null if the request has none. */
function firstEventfd({ flags, count, data }: IrqSetRequest): number | null {
  if ((flags & VFIO_IRQ_SET_DATA_EVENTFD) === 0 || count === 0) return null
  return new DataView(data.buffer, data.byteOffset, data.byteLength).getInt32(0, kernelOrder)
}
