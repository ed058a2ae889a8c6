import { VfioError } from '../errors.ts'
import type { Kernel, Mapping } from '../kernel/kernel.ts'
import type { IommuMode, IovaRange, MapRequest } from './address-space.ts'
import { Attachment, type AttachOptions, type DeviceAddress, type DeviceAddressSpace } from './attachment.ts'
import { closeInOrder } from './close-in-order.ts'
import type { Descriptor } from './descriptor.ts'

/** A device that was opened in an address space, and what gives its place there back once it is closed. */
export interface Entered {
  readonly descriptor: Descriptor
  leave(): void
}

/** What every address space has: the devices in it, and the order in which all of it is closed. */
export abstract class AttachableSpace implements DeviceAddressSpace {
  readonly kernel: Kernel
  readonly mode: IommuMode
  readonly #attachments = new Map<string, Attachment>()
  #closed = false
  #closesWithLast = false

  constructor(kernel: Kernel, mode: IommuMode) {
    this.kernel = kernel
    this.mode = mode
  }

  abstract readonly pageSize: number
  abstract ranges(): readonly IovaRange[]
  abstract availableMappings(): number | null
  abstract map(request: MapRequest): void
  abstract unmap(iova: bigint, size: bigint): bigint
  abstract unmapAll(): bigint
  abstract physicalPages(memory: Mapping, offset: number, size: number): readonly bigint[]
  /** Opens the device; where that fails, nothing of it is left. */
  protected abstract enter(address: DeviceAddress, options: AttachOptions): Entered
  /** What is left once no device is open: mappings, groups, the container. */
  protected abstract tearDown(): void

  get attached(): number {
    return this.#attachments.size
  }

  get closed(): boolean {
    return this.#closed
  }

  attach(address: DeviceAddress, options: AttachOptions = { vfToken: null }): Attachment {
    this.checkOpen()
    if (this.#attachments.has(address.name)) {
      throw new VfioError('DEVICE_BUSY', `device ${address.name} is open in this process already`, {
        hint: 'close it first, or use the device that is open',
        facts: { device: address.name },
      })
    }
    const { descriptor, leave } = this.enter(address, options)
    const attachment = new Attachment(address, this, descriptor, () => {
      this.#attachments.delete(address.name)
      closeInOrder([{ close: leave }, { close: () => this.#closeIfDone() }])
    })
    this.#attachments.set(address.name, attachment)
    return attachment
  }

  closeWithLast(): void {
    this.#closesWithLast = true
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    closeInOrder([...[...this.#attachments.values()].reverse(), { close: () => this.tearDown() }])
  }

  [Symbol.dispose](): void {
    this.close()
  }

  protected checkOpen(): void {
    if (this.#closed) throw new VfioError('CLOSED', `the address space (${this.mode}) is closed`)
  }

  #closeIfDone(): void {
    if (this.#closesWithLast && this.#attachments.size === 0) this.close()
  }
}

/** For what needs a device in the address space. */
export function notAttached(goal: string): VfioError {
  return new VfioError('NOT_ATTACHED', `cannot ${goal}: no device is in the address space yet`, {
    hint: 'open a device in it first: the IOMMU translates from then on',
  })
}
