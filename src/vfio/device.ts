import { VfioError } from '../base/errors.ts'
import { nameFault, parseUuid, printable } from '../base/units.ts'
import type { DeviceAddress } from '../host/device-node.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { type DeviceInfo, decodeDeviceInfo, deviceFlag, vfioDeviceInfo } from '../uapi/device.ts'
import { request } from '../uapi/requests.ts'
import type { IommuMode } from './address-space/address-space.ts'
import type { Attachment, AttachOptions, DeviceAddressSpace } from './address-space/attachment.ts'
import { closeInOrder, orClose } from './calls/close-in-order.ts'
import type { Descriptor } from './calls/descriptor.ts'
import { DeviceFeatures } from './calls/device-features.ts'
import { callForInfo } from './calls/info-call.ts'
import { attempt } from './calls/system-call.ts'
import { Subchannel } from './ccw/subchannel.ts'
import { Dma, type DmaOptions } from './dma/dma.ts'
import { Display } from './features/display.ts'
import { LowPower, type LowPowerOptions } from './features/low-power.ts'
import { Migration } from './features/migration.ts'
import { spaceOfGroup } from './group/open-groups.ts'
import { setVfToken } from './group/vf-token.ts'
import { type AddressSpaceOptions, openAddressSpaceFor } from './iommu/open-address-space.ts'
import { type PassedDescriptors, type Taken, takePassed } from './iommu/passed-descriptors.ts'
import { Irqs } from './irq/irqs.ts'
import { type AffectedDevice, affectedByHotReset, hotReset } from './pci/hot-reset.ts'
import { PciFunction } from './pci/pci-function.ts'
import { Regions } from './region/regions.ts'
import { resetDevice } from './reset.ts'

export type { DeviceAddressSpace } from './address-space/attachment.ts'

/** Options for opening a device. */
export interface OpenDeviceOptions extends AddressSpaceOptions, DmaOptions {
  /** To share with other devices. Without it, the device gets one of its own, closed with it. */
  readonly addressSpace?: DeviceAddressSpace
  /**
   * Of an SR-IOV device, a UUID. Opened with a physical function, it is what whoever opens its virtual functions must
   * give from then on, to show that the two trust each other.
   */
  readonly vfToken?: string
  /**
   * Descriptors that somebody else opened, in place of nodes in /dev: `passedDescriptors()` has those of `vfioctl run`.
   */
  readonly passed?: PassedDescriptors
}

/** An open VFIO device. */
export class Device implements Disposable, AsyncDisposable {
  /** Its name in the group: a PCI address, or an mdev's UUID. */
  readonly name: string
  /** The number of its IOMMU group, or null. */
  readonly group: number | null
  readonly info: DeviceInfo
  readonly regions: Regions
  readonly irqs: Irqs
  /** The features of its driver beyond the basics (VFIO_DEVICE_FEATURE). */
  readonly features: DeviceFeatures
  readonly display: Display
  #dma: Dma
  readonly #dmaOptions: DmaOptions
  readonly #descriptor: Descriptor
  readonly #attachment: Attachment
  #migration: Migration | null = null

  /** Asks for VFIO_DEVICE_GET_INFO first of all: some drivers (mtty, mdpy) answer nothing else before. */
  constructor(attachment: Attachment, options: DmaOptions = {}) {
    const { address, addressSpace, descriptor } = attachment
    this.name = address.name
    this.group = address.group
    this.info = askForInfo(descriptor)
    this.regions = new Regions(descriptor, this.info)
    this.irqs = new Irqs(descriptor, this.info)
    this.#dmaOptions = options
    this.#dma = new Dma(addressSpace, options)
    this.features = new DeviceFeatures(descriptor)
    this.display = new Display(descriptor, this.regions)
    this.#descriptor = descriptor
    this.#attachment = attachment
  }

  /** The address space that translates the device's addresses, and those of the other devices in it. */
  get addressSpace(): DeviceAddressSpace {
    return this.#attachment.addressSpace
  }

  /** Memory for the device, in its address space. */
  get dma(): Dma {
    return this.#dma
  }

  /** The way in which the device's addresses are translated. */
  get iommuMode(): IommuMode {
    return this.addressSpace.mode
  }

  /** True once the device is closed: no call reaches it any more. */
  get closed(): boolean {
    return this.#descriptor.closed
  }

  /**
   * The parts of a PCI device: its configuration space, bus master, memory decode. NOT_SUPPORTED for any other device.
   */
  get pci(): PciFunction {
    this.#checkPci()
    return new PciFunction(this.regions.config)
  }

  /** The subchannel of a channel I/O device (vfio_ccw): channel programs. NOT_SUPPORTED for any other device. */
  get subchannel(): Subchannel {
    if (this.info.flags.ccw) return new Subchannel(this.#descriptor, this.regions)
    throw this.#isNo('channel I/O device')
  }

  /** Its state as a stream, out of it and into another. NOT_SUPPORTED if its driver does not migrate. */
  get migration(): Migration {
    this.#migration ??= new Migration(this.#descriptor, this.features)
    return this.#migration
  }

  /**
   * Attaches the device to another address space, in one step (VFIO_DEVICE_ATTACH_IOMMUFD_PT): from then on it reaches
   * the memory there and no other. Buffers stay where they were made; an address space that was the device's own is
   * closed with them. To its own address space, it attaches a device that was detached. iommufd alone can:
   * NOT_SUPPORTED in the other modes. DEVICE_BUSY if another device of its group is open, as they go together;
   * IOVA_RESERVED if something is mapped at the device's reserved addresses. If it fails, the device stays where it
   * was.
   */
  moveTo(space: DeviceAddressSpace): void {
    const { addressSpace: before, dma: buffers } = this
    try {
      this.#attachment.moveTo(space)
    } finally {
      if (this.addressSpace !== before) this.#dma = new Dma(this.addressSpace, this.#dmaOptions)
      if (before.closed) buffers.unmapAll()
    }
  }

  /**
   * Keeps the device from all memory, until `moveTo` (VFIO_DEVICE_DETACH_IOMMUFD_PT). What is mapped in its address
   * space stays. NOT_SUPPORTED in modes other than iommufd.
   */
  detach(): void {
    this.#attachment.detach()
  }

  /**
   * VFIO_DEVICE_RESET, off the event loop, as it may take seconds. What was set up in the device is gone then; its
   * mapped memory does not answer meanwhile. Throws NOT_SUPPORTED if the device has no reset, DEVICE_BUSY.
   */
  async reset(): Promise<void> {
    await resetDevice(this.#descriptor, this)
  }

  /**
   * The devices that `hotReset` resets, this one among them (VFIO_DEVICE_GET_PCI_HOT_RESET_INFO). Throws NOT_SUPPORTED
   * if there is no such reset.
   */
  affectedByHotReset(): readonly AffectedDevice[] {
    this.#checkPci()
    return affectedByHotReset(this.#descriptor)
  }

  /**
   * VFIO_DEVICE_PCI_HOT_RESET: resets the bus or slot that the device is on, off the event loop, for what no reset of
   * its own helps. Every device there is reset, so this process must have them all. Throws NOT_SUPPORTED; DEVICE_BUSY
   * with those that it has not.
   */
  async hotReset(): Promise<void> {
    this.#checkPci()
    await hotReset(this.#descriptor)
  }

  /**
   * Gives the virtual functions of this physical one another token (VFIO_DEVICE_FEATURE_PCI_VF_TOKEN): those that are
   * opened from now on must give it as `vfToken`. A UUID. Throws NOT_SUPPORTED if the device can have none.
   */
  setVfToken(token: string): void {
    setVfToken(this.#descriptor, this.features, parseUuid(token))
  }

  /**
   * Lets the device go into a low power state until what is returned is closed (VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY,
   * since Linux 6.1). Throws NOT_SUPPORTED if its driver has no such thing, DEVICE_BUSY if it may already.
   */
  enterLowPower(options?: LowPowerOptions): LowPower {
    return new LowPower(this.#descriptor, this.features, options)
  }

  /**
   * Closes what was taken from the device (interrupts, mappings), the device, and then its group and its address space
   * if nothing else needs them, with the DMA buffers there. Idempotent; everything is closed even if a step
   * fails.
   */
  close(): void {
    closeInOrder([this.#attachment, { close: () => this.#closeBuffers() }])
  }

  [Symbol.dispose](): void {
    this.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close()
  }

  #checkPci(): void {
    if (!this.info.flags.pci) throw this.#isNo('PCI device')
  }

  #isNo(kind: string): VfioError {
    return new VfioError('NOT_SUPPORTED', `device ${this.name} is not a ${kind}`, {
      facts: { flags: { ...this.info.flags } },
    })
  }

  #closeBuffers(): void {
    if (this.addressSpace.closed) this.dma.unmapAll()
  }
}

/**
 * Opens a device in the address space given, or in one of its own: iommufd if the host has it and the device has a
 * node, else a type1v2 container, else type1; noiommu for a device without an IOMMU. A device whose group this process
 * has open already shares its address space: the kernel allows no other. If a step fails, what was open is closed
 * again. Throws NOT_FOUND, DEVICE_BUSY, PERMISSION_DENIED, GROUP_NOT_VIABLE, NOT_SUPPORTED, INVALID_ARGUMENT.
 */
export function openDevice(kernel: Kernel, address: DeviceAddress, options: OpenDeviceOptions = {}): Device {
  checkAddress(address)
  const { iommu, addressSpace, passed } = options
  const attach = { vfToken: options.vfToken === undefined ? null : parseUuid(options.vfToken) }
  if (passed !== undefined) return openByPassed(takePassed(kernel, address, passed, options), address, attach, options)
  const shared = addressSpace ?? (address.group === null ? null : spaceOfGroup(kernel, address.group))
  if (shared !== null) {
    if (iommu !== undefined && iommu !== shared.mode) throw otherMode(address, iommu, shared.mode)
    return openIn(shared, address, attach, options)
  }
  return openAlone(openAddressSpaceFor(kernel, address, options), address, attach, options)
}

function openIn(space: DeviceAddressSpace, address: DeviceAddress, attach: AttachOptions, dma: DmaOptions): Device {
  const attachment = space.attach(address, attach)
  return orClose([attachment], () => new Device(attachment, dma))
}

/** In an address space that is closed with the device. */
function openAlone(own: DeviceAddressSpace, address: DeviceAddress, attach: AttachOptions, dma: DmaOptions): Device {
  return orClose([own], () => {
    const device = openIn(own, address, attach, dma)
    own.closeWithLast()
    return device
  })
}

/** Closes the descriptor too if it fails. */
function openByPassed(
  { space, isOwn, descriptor }: Taken,
  address: DeviceAddress,
  attach: AttachOptions,
  dma: DmaOptions,
): Device {
  const open = isOwn ? openAlone : openIn
  if (descriptor === null) return open(space, address, attach, dma)
  return orClose([descriptor], () => open(space, address, { ...attach, passed: descriptor }, dma))
}

function checkAddress({ group, name }: DeviceAddress): void {
  if (nameFault(name) !== null) {
    throw new VfioError('INVALID_ARGUMENT', `'${printable(name)}' cannot be the name of a device`, {
      hint: 'ls /sys/kernel/iommu_groups/*/devices',
    })
  }
  if (group !== null && (!Number.isSafeInteger(group) || group < 0)) {
    throw new VfioError('INVALID_ARGUMENT', `${group} is not the number of an IOMMU group`)
  }
}

function otherMode({ group, name }: DeviceAddress, asked: IommuMode, mode: IommuMode): VfioError {
  return new VfioError('DEVICE_BUSY', `cannot open ${name} with IOMMU mode ${asked}: its address space has ${mode}`, {
    hint: 'devices of one group share an address space: close the others first, or leave out iommu',
    facts: { device: name, group, mode },
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
