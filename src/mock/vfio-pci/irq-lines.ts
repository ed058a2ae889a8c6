import { irqInfoFlag, irqSetFlag } from '../../uapi/irq.ts'
import { capabilityBit, capabilityRegister } from '../../uapi/pci.ts'
import { pciIrqIndex } from '../../uapi/region.ts'
import { Errno } from '../base/errno.ts'
import type { KernelTraits } from '../base/kernel-traits.ts'
import type { ConfigSpace } from '../sdk/config-space.ts'
import { checkIrqSet, type EventSink, type IrqDescription, type IrqSetRequest } from '../sdk/device-model.ts'
import { IntxLine } from '../sdk/intx-line.ts'
import { eventfdsOf, isTriggered } from '../sdk/irq.ts'
import { MessageVectors } from './message-vectors.ts'

const { VFIO_PCI_INTX_IRQ_INDEX, VFIO_PCI_MSI_IRQ_INDEX, VFIO_PCI_MSIX_IRQ_INDEX } = pciIrqIndex
const { VFIO_PCI_ERR_IRQ_INDEX, VFIO_PCI_REQ_IRQ_INDEX } = pciIrqIndex
const indexes = 5
const { VFIO_IRQ_SET_DATA_NONE, VFIO_IRQ_SET_DATA_BOOL, VFIO_IRQ_SET_DATA_EVENTFD } = irqSetFlag
const { VFIO_IRQ_SET_ACTION_MASK, VFIO_IRQ_SET_ACTION_UNMASK, VFIO_IRQ_SET_ACTION_TRIGGER } = irqSetFlag
const actions = VFIO_IRQ_SET_ACTION_MASK | VFIO_IRQ_SET_ACTION_UNMASK | VFIO_IRQ_SET_ACTION_TRIGGER

/** A function's interrupts as vfio-pci handles them: INTx, MSI and MSI-X, one of them at a time. */
export class IrqLines {
  readonly intx: IntxLine
  readonly messages: MessageVectors
  readonly #config: ConfigSpace
  readonly #traits: KernelTraits
  /** Of the err and req indexes. */
  readonly #single = new Map<number, EventSink>()

  constructor(config: ConfigSpace, traits: KernelTraits) {
    this.#config = config
    this.#traits = traits
    this.messages = new MessageVectors(traits)
    this.intx = new IntxLine(() => config.isIntxOff)
  }

  /** EINVAL for an index that it does not know, which err may be of a device without PCI Express. */
  describe(index: number): IrqDescription {
    if (index >= indexes || (index === VFIO_PCI_ERR_IRQ_INDEX && !this.#hasErr)) throw new Errno('EINVAL')
    const { VFIO_IRQ_INFO_EVENTFD, VFIO_IRQ_INFO_MASKABLE, VFIO_IRQ_INFO_AUTOMASKED, VFIO_IRQ_INFO_NORESIZE } =
      irqInfoFlag
    const kind =
      index === VFIO_PCI_INTX_IRQ_INDEX
        ? VFIO_IRQ_INFO_MASKABLE | VFIO_IRQ_INFO_AUTOMASKED
        : index === VFIO_PCI_MSIX_IRQ_INDEX && this.#traits.msixGrows && this.#count(index) > 0
          ? 0
          : VFIO_IRQ_INFO_NORESIZE
    return { flags: VFIO_IRQ_INFO_EVENTFD | kind, count: this.#count(index) }
  }

  set(set: IrqSetRequest): void {
    checkIrqSet(set, { indexes, vectors: set.index < indexes ? this.#count(set.index) : 0 })
    const action = set.flags & actions
    if (set.index === VFIO_PCI_INTX_IRQ_INDEX) this.#setIntx(set, action)
    else if (action !== VFIO_IRQ_SET_ACTION_TRIGGER) throw new Errno('ENOTTY')
    else if (set.index === VFIO_PCI_ERR_IRQ_INDEX || set.index === VFIO_PCI_REQ_IRQ_INDEX) this.#setSingle(set)
    else this.#setMessages(set)
  }

  /** Asks who has the device to let it go. */
  request(): void {
    this.#single.get(VFIO_PCI_REQ_IRQ_INDEX)?.signal()
  }

  close(): void {
    this.intx.disable()
    this.messages.disable()
    this.#single.clear()
  }

  get #hasErr(): boolean {
    return this.#traits.hasErrOfAll || this.#config.find('pci-express') !== null
  }

  #count(index: number): number {
    const flagsAt = (capability: number | null, register: number) =>
      capability === null ? null : this.#config.read16(capability + register)
    switch (index) {
      case VFIO_PCI_INTX_IRQ_INDEX:
        return this.#config.hasIntx ? 1 : 0
      case VFIO_PCI_MSI_IRQ_INDEX: {
        const flags = flagsAt(this.#config.find('msi'), capabilityRegister.PCI_MSI_FLAGS)
        return flags === null ? 0 : 1 << ((flags & capabilityBit.PCI_MSI_FLAGS_QMASK) >> 1)
      }
      case VFIO_PCI_MSIX_IRQ_INDEX: {
        const flags = flagsAt(this.#config.find('msi-x'), capabilityRegister.PCI_MSIX_FLAGS)
        return flags === null ? 0 : (flags & capabilityBit.PCI_MSIX_FLAGS_QSIZE) + 1
      }
      case VFIO_PCI_ERR_IRQ_INDEX:
        return this.#hasErr ? 1 : 0
      default:
        return 1
    }
  }

  #setIntx(set: IrqSetRequest, action: number): void {
    switch (action) {
      case VFIO_IRQ_SET_ACTION_TRIGGER:
        this.#triggerIntx(set)
        break
      case VFIO_IRQ_SET_ACTION_MASK:
      case VFIO_IRQ_SET_ACTION_UNMASK: {
        if (!this.intx.isEnabled || set.start !== 0 || set.count !== 1) throw new Errno('EINVAL')
        const isMask = action === VFIO_IRQ_SET_ACTION_MASK
        if ((set.flags & VFIO_IRQ_SET_DATA_EVENTFD) === 0) {
          if (isTriggered(set, 0)) this.intx.setMasked(isMask)
        } else if (isMask) throw new Errno('ENOTTY')
        else this.intx.unmaskBy(eventfdsOf(set)[0] ?? null)
        break
      }
      default:
        throw new Errno('ENOTTY')
    }
  }

  #triggerIntx(set: IrqSetRequest): void {
    const { intx } = this
    const isNone = (set.flags & VFIO_IRQ_SET_DATA_NONE) !== 0
    if (intx.isEnabled && set.count === 0 && isNone) {
      intx.disable()
      return
    }
    if (this.messages.index !== null || set.start !== 0 || set.count !== 1) throw new Errno('EINVAL')
    if ((set.flags & VFIO_IRQ_SET_DATA_EVENTFD) !== 0) intx.enable(eventfdsOf(set)[0] ?? null)
    else if (!intx.isEnabled) throw new Errno('EINVAL')
    else if (isTriggered(set, 0)) intx.loopBack()
  }

  #setMessages(set: IrqSetRequest): void {
    const { messages } = this
    const isActive = messages.index === set.index
    if (isActive && set.count === 0 && (set.flags & VFIO_IRQ_SET_DATA_NONE) !== 0) {
      messages.disable()
      return
    }
    if (!isActive && (messages.index !== null || this.intx.isEnabled)) throw new Errno('EINVAL')
    if ((set.flags & VFIO_IRQ_SET_DATA_EVENTFD) !== 0) messages.tie(set)
    else messages.loopBack(set)
  }

  #setSingle(set: IrqSetRequest): void {
    const { index, flags, count } = set
    const sink = this.#single.get(index)
    if (set.start !== 0 || count > 1) throw new Errno('EINVAL')
    if ((flags & VFIO_IRQ_SET_DATA_NONE) !== 0) {
      if (sink === undefined) throw new Errno('EINVAL')
      if (count === 0) this.#single.delete(index)
      else sink.signal()
    } else if (count === 0) throw new Errno('EINVAL')
    else if ((flags & VFIO_IRQ_SET_DATA_BOOL) !== 0) {
      if (isTriggered(set, 0)) sink?.signal()
    } else {
      const [eventfd] = eventfdsOf(set)
      if (eventfd === null || eventfd === undefined) this.#single.delete(index)
      else this.#single.set(index, eventfd)
    }
  }
}
