import type { Uuid } from '../units.ts'
import type { AddressSpace } from './address-space.ts'
import { closeInOrder } from './close-in-order.ts'
import type { Descriptor } from './descriptor.ts'

/** A device as its IOMMU group knows it. */
export interface DeviceAddress {
  /** The number of the device's IOMMU group; null where it has none, as without an IOMMU and without group nodes. */
  readonly group: number | null
  /** Its name there: a PCI address in its long form, or an mdev's UUID. */
  readonly name: string
}

/** What opening a device takes beside its address. */
export interface AttachOptions {
  /** Of an SR-IOV function; null for none. */
  readonly vfToken: Uuid | null
}

/** An address space that devices are opened in. */
export interface DeviceAddressSpace extends AddressSpace {
  /** How many devices are in it. */
  readonly attached: number
  /**
   * Opens the device in this address space. Throws NOT_FOUND, DEVICE_BUSY, PERMISSION_DENIED, GROUP_NOT_VIABLE,
   * NOT_SUPPORTED.
   */
  attach(address: DeviceAddress, options?: AttachOptions): Attachment
  /** Close it when the last device leaves. */
  closeWithLast(): void
}

/** An open device's place in an address space. */
export class Attachment {
  readonly address: DeviceAddress
  readonly addressSpace: DeviceAddressSpace
  readonly descriptor: Descriptor
  readonly #leave: () => void

  constructor(address: DeviceAddress, space: DeviceAddressSpace, descriptor: Descriptor, leave: () => void) {
    this.address = address
    this.addressSpace = space
    this.descriptor = descriptor
    this.#leave = leave
  }

  /** The device with what depends on it, then its place in the address space. Idempotent. */
  close(): void {
    if (this.descriptor.closed) return
    closeInOrder([this.descriptor, { close: this.#leave }])
  }
}
