import { VfioError } from '../../base/errors.ts'
import { printable, shown } from '../../base/units.ts'
import { irqName } from '../../host/bus/bus.ts'
import type { DeviceInfo } from '../../uapi/device.ts'
import { decodeIrqInfo, vfioIrqInfo } from '../../uapi/irq.ts'
import { request } from '../../uapi/requests.ts'
import { encode } from '../../uapi/struct.ts'
import type { Descriptor } from '../calls/descriptor.ts'
import { askOr } from '../calls/system-call.ts'
import { Irq } from './irq.ts'
import { ActiveIrqs } from './irq-active.ts'

/**
 * The interrupt indexes of an open device that the kernel answers for, by index or by name; asked for once. By name: of
 * PCI devices `intx`, `msi`, `msix`, `err` and `req`; of channel I/O (ccw) `io`, `crw` and `req`; of crypto adapters
 * (ap) `req` and `cfgChg`. One that is not there is NOT_FOUND.
 */
export class Irqs implements Iterable<Irq> {
  readonly #device: Descriptor
  readonly #info: DeviceInfo
  readonly #active: ActiveIrqs
  #known: readonly Irq[] | null = null

  constructor(device: Descriptor, info: DeviceInfo) {
    this.#device = device
    this.#info = info
    this.#active = new ActiveIrqs(device.what, info.flags)
  }

  /** The level interrupt of a PCI device (INTx). NOT_FOUND if the device has none. */
  get intx(): Irq {
    return this.get('intx')
  }
  /** The MSI vectors of a PCI device. NOT_FOUND if the device has none. */
  get msi(): Irq {
    return this.get('msi')
  }
  /** The MSI-X vectors of a PCI device. NOT_FOUND if the device has none. */
  get msix(): Irq {
    return this.get('msix')
  }
  /**
   * The interrupt by which a PCI device tells of an error that nothing mended (AER). NOT_FOUND if the device has none.
   */
  get err(): Irq {
    return this.get('err')
  }
  /** The interrupt by which the kernel asks for the device back. NOT_FOUND if the device has none. */
  get req(): Irq {
    return this.get('req')
  }
  /** The interrupt of a channel device's I/O. NOT_FOUND if the device has none. */
  get io(): Irq {
    return this.get('io')
  }
  /** The interrupt of a channel device's channel reports. NOT_FOUND if the device has none. */
  get crw(): Irq {
    return this.get('crw')
  }
  /** The interrupt by which a crypto matrix tells of queues that came or went. NOT_FOUND if the device has none. */
  get cfgChg(): Irq {
    return this.get('cfg-chg')
  }

  /** Throws NOT_FOUND, with the indexes there are. */
  get(which: number | string): Irq {
    const all = this.#all()
    if (typeof which !== 'number' && typeof which !== 'string') {
      throw new VfioError('INVALID_ARGUMENT', `${shown(which)} is neither the index nor the name of an irq`)
    }
    const irq = all.find(({ index, name }) => index === which || name === which)
    if (irq !== undefined) return irq
    const there = all.filter(({ count }) => count > 0).map(({ name }) => name)
    throw new VfioError(
      'NOT_FOUND',
      `${this.#device.what} has no irq ${printable(String(which))}; it has ${there.join(', ') || 'none'}`,
      { facts: { irq: which, irqs: there } },
    )
  }

  [Symbol.iterator](): Iterator<Irq> {
    return this.#all()[Symbol.iterator]()
  }

  #all(): readonly Irq[] {
    this.#device.checkOpen()
    this.#known ??= Array.from({ length: this.#info.numIrqs }, (_, index) => this.#ask(index)).filter(
      (irq) => irq !== null,
    )
    return this.#known
  }

  /** VFIO_DEVICE_GET_IRQ_INFO; null if the device has no such index. */
  #ask(index: number): Irq | null {
    const name = irqName(this.#info.flags, index)
    // zero but for argsz and index: some drivers leave the flags as they came
    const bytes = encode(vfioIrqInfo, { argsz: vfioIrqInfo.size, index })
    const ask = () => this.#device.ioctl(request.VFIO_DEVICE_GET_IRQ_INFO, bytes)
    if (askOr(`ask ${this.#device.what} for irq ${name}`, ask, ['EINVAL'], null) === null) return null
    const { flags, count } = decodeIrqInfo(bytes)
    return new Irq(this.#device, this.#active, { index, name, flags, count })
  }
}
