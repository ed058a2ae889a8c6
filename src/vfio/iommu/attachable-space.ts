import * as v from 'valibot'
import { checked, count } from '../../base/arguments.ts'
import { VfioError } from '../../base/errors.ts'
import { type Uuid, uuidOrNull } from '../../base/units.ts'
import type { DeviceAddress } from '../../host/device-node.ts'
import type { Kernel, Mapping } from '../../kernel/kernel.ts'
import type { AddressSpaceInfo, IommuMode, IovaRange, MapRequest } from '../address-space/address-space.ts'
import { Attachment, type AttachOptions, type DeviceAddressSpace } from '../address-space/attachment.ts'
import { closeInOrder } from '../calls/close-in-order.ts'
import { Descriptor } from '../calls/descriptor.ts'

/** A device that was opened in an address space, and what gives its place there back once it is closed. */
export interface Entered {
  readonly descriptor: Descriptor
  leave(): void
}

const deviceAddress = v.object({ group: v.nullable(count), name: v.string() })
const isUuid = (value: unknown): boolean => typeof value === 'string' && uuidOrNull(value) === value
const attachOptions = v.object({
  vfToken: v.nullable(v.custom<Uuid>(isUuid, 'must be a UUID in lower case, or null')),
  passed: v.exactOptional(v.instance(Descriptor)),
})
const openDevice = v.instance(Attachment, 'must be an open device')

/** The base of every address space: the devices in it, and the order in which all of it is closed. */
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
  info(): AddressSpaceInfo {
    return { pageSize: this.pageSize, ranges: this.ranges(), availableMappings: this.availableMappings() }
  }
  /** Only if pages are pinned for their addresses alone is there anything to do. */
  releasePages(_memory: Mapping): void {}
  /** Opens the device; if that fails, nothing of it is left. */
  protected abstract enter(address: DeviceAddress, options: AttachOptions): Entered
  /** Attaches a device that is open elsewhere, or was detached; if that fails, it stays where it was. */
  protected abstract enterAgain(attachment: Attachment): Pick<Entered, 'leave'>
  /** Keeps the device from what is mapped here. */
  protected abstract withdraw(attachment: Attachment): void
  /** The rest, once no device is open: mappings, groups, the container. */
  protected abstract tearDown(): void

  get attached(): number {
    return this.#attachments.size
  }

  get closed(): boolean {
    return this.#closed
  }

  attach(given: DeviceAddress, givenOptions: AttachOptions = { vfToken: null }): Attachment {
    this.checkOpen()
    const address = checked('attach', deviceAddress, given)
    const options = checked('attach', attachOptions, givenOptions, 'its options')
    if (this.#attachments.has(address.name)) {
      throw new VfioError('DEVICE_BUSY', `device ${address.name} is open in this process already`, {
        hint: 'close it first, or use the device that is open',
        facts: { device: address.name },
      })
    }
    const { descriptor, leave } = this.enter(address, options)
    const attachment = new Attachment(address, this, descriptor, () => this.#forget(address, leave))
    this.#attachments.set(address.name, attachment)
    return attachment
  }

  takeOver(attachment: Attachment): () => void {
    this.checkOpen()
    checked('takeOver', openDevice, attachment)
    const { address, addressSpace: from } = attachment
    if (from.kernel !== this.kernel || from.mode !== this.mode) {
      throw new VfioError(
        'NOT_SUPPORTED',
        `cannot move ${address.name} from an address space of mode ${from.mode} to one of ${this.mode}`,
        { hint: 'close the device, and open it in the other', facts: { device: address.name, from: from.mode } },
      )
    }
    const { leave } = this.enterAgain(attachment)
    this.#attachments.set(address.name, attachment)
    return () => this.#forget(address, leave)
  }

  detach(attachment: Attachment): void {
    this.checkOpen()
    checked('detach', openDevice, attachment)
    this.withdraw(attachment)
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

  #forget({ name }: DeviceAddress, leave: () => void): void {
    this.#attachments.delete(name)
    closeInOrder([{ close: leave }, { close: () => this.#closeIfDone() }])
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

/** For devices whose descriptor does not decide what they reach. */
export function cannotMove({ address }: Attachment, why: string): VfioError {
  return new VfioError('NOT_SUPPORTED', `cannot attach or detach ${address.name} while it is open: ${why}`, {
    hint: "close the device and open it in the other address space, or open both with { iommu: 'iommufd' }",
    facts: { device: address.name, group: address.group },
  })
}
