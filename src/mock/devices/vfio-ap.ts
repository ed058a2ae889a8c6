import { deviceFlag } from '../../uapi/device.ts'
import { apIrqIndex } from '../../uapi/region.ts'
import { Errno } from '../base/errno.ts'
import type { KernelTraits } from '../base/kernel-traits.ts'
import type { DeviceDescription, DeviceModel, IrqDescription, IrqSetRequest } from '../sdk/device-model.ts'
import { EventIrqs } from './event-irqs.ts'

/** vfio_ap on a matrix of crypto adapters and domains: nothing to read or map, a reset, and interrupts about it. */
export class VfioAp implements DeviceModel {
  readonly #irqs: EventIrqs
  readonly #traits: KernelTraits

  constructor({ traits }: { readonly traits: KernelTraits }) {
    this.#traits = traits
    this.#irqs = new EventIrqs(traits.vfioApIrqs, { loopsBack: false })
  }

  info(): DeviceDescription {
    const flags = deviceFlag.VFIO_DEVICE_FLAGS_AP | deviceFlag.VFIO_DEVICE_FLAGS_RESET
    return { flags, regions: 0, irqs: this.#irqs.count }
  }

  region(): never {
    throw new Errno(this.#traits.coreDescribesRegions ? 'EINVAL' : 'EOPNOTSUPP')
  }

  irq(index: number): IrqDescription {
    this.#checkIrqs()
    return this.#irqs.describe(index)
  }

  setIrqs(set: IrqSetRequest): void {
    this.#checkIrqs()
    this.#irqs.set(set)
  }

  /** The queues are emptied. */
  reset(): void {}

  read(): never {
    throw new Errno('EINVAL')
  }

  write(): never {
    throw new Errno('EINVAL')
  }

  ioctl(): never {
    throw new Errno('EOPNOTSUPP')
  }

  requestRelease(): void {
    this.#irqs.signal(apIrqIndex.VFIO_AP_REQ_IRQ_INDEX)
  }

  close(): void {
    this.#irqs.disable()
  }

  save(): unknown {
    return null
  }

  /** A driver without interrupts does not know the ioctls either. */
  #checkIrqs(): void {
    if (this.#irqs.count === 0) throw new Errno('EOPNOTSUPP')
  }
}
