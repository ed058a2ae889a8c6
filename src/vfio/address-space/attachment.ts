import { checked } from '../../base/arguments.ts'
import type { Uuid } from '../../base/units.ts'
import type { DeviceAddress } from '../../host/device-node.ts'
import { closeInOrder } from '../calls/close-in-order.ts'
import type { Descriptor } from '../calls/descriptor.ts'
import type { AddressSpace } from './address-space.ts'
import { openSpace } from './open-space.ts'

/** Options for opening a device, beside its address. */
export interface AttachOptions {
  /** Of an SR-IOV function; null for none. */
  readonly vfToken: Uuid | null
  /**
   * The device's own node, or its group's, if it is open already: closed with the device or the group, or if that
   * fails.
   */
  readonly passed?: Descriptor
}

/** An address space that devices are opened in. */
export interface DeviceAddressSpace extends AddressSpace {
  /** The number of devices in it. */
  readonly attached: number
  /**
   * Opens the device in this address space. Throws NOT_FOUND, DEVICE_BUSY, PERMISSION_DENIED, GROUP_NOT_VIABLE,
   * NOT_SUPPORTED.
   * @internal
   */
  attach(address: DeviceAddress, options?: AttachOptions): Attachment
  /**
   * Takes a device over that is open in another address space: attached to this one at once, with no moment between in
   * which it is attached to none. Returns how it leaves. Throws NOT_SUPPORTED, DEVICE_BUSY, IOVA_RESERVED, and then
   * leaves the device where it is.
   * @internal
   */
  takeOver(attachment: Attachment): () => void
  /**
   * Keeps the device from reaching any memory until it is taken over again. Throws NOT_SUPPORTED.
   * @internal
   */
  detach(attachment: Attachment): void
  /** Close it when the last device leaves. */
  closeWithLast(): void
}

/** An open device's place in an address space. */
export class Attachment {
  readonly address: DeviceAddress
  readonly descriptor: Descriptor
  #space: DeviceAddressSpace
  #leave: () => void

  constructor(address: DeviceAddress, space: DeviceAddressSpace, descriptor: Descriptor, leave: () => void) {
    this.address = address
    this.descriptor = descriptor
    this.#space = space
    this.#leave = leave
  }

  get addressSpace(): DeviceAddressSpace {
    return this.#space
  }

  moveTo(space: DeviceAddressSpace): void {
    this.descriptor.checkOpen()
    checked('moveTo', openSpace, space)
    const leave = space.takeOver(this)
    if (space === this.#space) return
    const leaveOld = this.#leave
    this.#space = space
    this.#leave = leave
    leaveOld()
  }

  detach(): void {
    this.descriptor.checkOpen()
    this.#space.detach(this)
  }

  /** The device with what depends on it, then its place in the address space. Idempotent. */
  close(): void {
    if (this.descriptor.closed) return
    closeInOrder([this.descriptor, { close: this.#leave }])
  }
}
