import { VfioError } from '../errors.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { type DeviceInfo, decodeDeviceInfo, deviceFlag, vfioDeviceInfo } from '../uapi/device-info.ts'
import { request } from '../uapi/requests.ts'
import { closeInOrder, orClose } from './close-in-order.ts'
import { openContainer } from './container.ts'
import type { Descriptor } from './descriptor.ts'
import { type Group, openGroup } from './group.ts'
import { callForInfo } from './info-call.ts'
import { Irqs } from './irqs.ts'
import { PciFunction } from './pci-function.ts'
import { Regions } from './regions.ts'
import { resetDevice } from './reset.ts'
import { attempt } from './system-call.ts'

export interface DeviceAddress {
  /** The number of the device's IOMMU group. */
  readonly group: number
  /** Its name there: a PCI address in its long form, or an mdev's UUID. */
  readonly name: string
}

/** An open VFIO device. It keeps its group and container, and closes what it was given to close after itself. */
export class Device implements Disposable, AsyncDisposable {
  /** What the group knows it by: a PCI address, an mdev's UUID. */
  readonly name: string
  readonly group: Group
  readonly info: DeviceInfo
  readonly regions: Regions
  readonly irqs: Irqs
  readonly #descriptor: Descriptor
  readonly #after: readonly { close(): void }[]

  /**
   * Asks for VFIO_DEVICE_GET_INFO first of all: some drivers (mtty, mdpy) answer nothing else before.
   * `after` is closed after the device, in order.
   */
  constructor(name: string, group: Group, descriptor: Descriptor, after: readonly { close(): void }[]) {
    this.name = name
    this.group = group
    this.info = askForInfo(descriptor)
    this.regions = new Regions(descriptor, this.info)
    this.irqs = new Irqs(descriptor, this.info)
    this.#descriptor = descriptor
    this.#after = after
  }

  get closed(): boolean {
    return this.#descriptor.closed
  }

  /** What a PCI device has: its configuration space, bus master, memory decode. NOT_SUPPORTED for any other device. */
  get pci(): PciFunction {
    if (this.info.flags.pci) return new PciFunction(this.regions.config)
    throw new VfioError('NOT_SUPPORTED', `device ${this.name} is no PCI device`, {
      facts: { flags: { ...this.info.flags } },
    })
  }

  /**
   * VFIO_DEVICE_RESET, off the event loop, as it may take seconds. What was set up in the device is gone then; its
   * mapped memory does not answer meanwhile. Throws NOT_SUPPORTED where the device has no reset, DEVICE_BUSY.
   */
  async reset(): Promise<void> {
    await resetDevice(this.#descriptor, this.info)
  }

  /** The device, then its group, then the container. Idempotent; everything is closed even where a step fails. */
  close(): void {
    closeInOrder([this.#descriptor, ...this.#after])
  }

  [Symbol.dispose](): void {
    this.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close()
  }
}

/**
 * Opens a device through its group, in a container of its own with a type1 IOMMU. Where a step fails, what was open is
 * closed again. Throws NOT_FOUND, DEVICE_BUSY, PERMISSION_DENIED, GROUP_NOT_VIABLE, NOT_SUPPORTED.
 */
export function openDevice(kernel: Kernel, { group: number, name }: DeviceAddress): Device {
  const container = openContainer(kernel)
  const group = orClose([container], () => openGroup(kernel, number))
  return orClose([group, container], () => {
    group.setContainer(container)
    container.setIommu()
    const descriptor = group.openDevice(name)
    return orClose([descriptor], () => new Device(name, group, descriptor, [group, container]))
  })
}

function askForInfo(descriptor: Descriptor): DeviceInfo {
  const answer = attempt(`ask ${descriptor.what} what it is`, () =>
    callForInfo(vfioDeviceInfo, {}, deviceFlag.VFIO_DEVICE_FLAGS_CAPS, (bytes) =>
      descriptor.ioctl(request.VFIO_DEVICE_GET_INFO, bytes),
    ),
  )
  return decodeDeviceInfo(answer)
}
