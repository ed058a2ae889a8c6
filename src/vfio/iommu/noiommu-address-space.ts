import type { DeviceAddress } from '../../host/device-node.ts'
import type { Kernel, Mapping } from '../../kernel/kernel.ts'
import type { IovaRange, MapRequest } from '../address-space/address-space.ts'
import type { Attachment, AttachOptions } from '../address-space/attachment.ts'
import { nothingTranslates } from '../address-space/map-failure.ts'
import { checkedMapRequest, checkPages, checkPart } from '../address-space/map-request.ts'
import { closeInOrder } from '../calls/close-in-order.ts'
import { attempt } from '../calls/system-call.ts'
import type { Container } from '../group/container.ts'
import { AttachableSpace, cannotMove, type Entered, notAttached } from './attachable-space.ts'
import { ContainerGroups } from './container-groups.ts'
import type { Ioas } from './iommufd.ts'
import { openIommufdDevice } from './iommufd-device.ts'
import { noiommuPages, type Pinned, pagemapPages } from './physical-pages.ts'

/**
 * No IOMMU: a device's addresses are physical ones, and it can reach all memory. Nothing is mapped, so `map` is
 * NOT_SUPPORTED, and there is no range to map in; `physicalPages` says which addresses to give the device.
 */
abstract class NoiommuAddressSpace extends AttachableSpace {
  constructor(kernel: Kernel) {
    super(kernel, 'noiommu')
  }

  get pageSize(): number {
    return this.kernel.pageSize
  }

  ranges(): readonly IovaRange[] {
    this.checkOpen()
    return []
  }

  availableMappings(): null {
    this.checkOpen()
    return null
  }

  map(request: MapRequest): void {
    this.checkOpen()
    checkedMapRequest(request, this.pageSize)
    throw nothingTranslates('map memory')
  }

  unmap(iova: bigint, size: bigint): bigint {
    this.checkOpen()
    checkPages('unmap', iova, size, this.pageSize)
    return 0n
  }

  unmapAll(): bigint {
    this.checkOpen()
    return 0n
  }

  physicalPages(memory: Mapping, offset: number, size: number): readonly bigint[] {
    this.checkOpen()
    if (this.attached === 0) throw notAttached('tell physical addresses')
    checkPart(memory, offset, size, this.pageSize)
    return this.findPages(memory, offset, size)
  }

  protected enterAgain(attachment: Attachment): never {
    throw cannotMove(attachment, 'without an IOMMU it reaches all memory, whatever it is attached to')
  }

  protected withdraw(attachment: Attachment): never {
    return this.enterAgain(attachment)
  }

  protected abstract findPages(memory: Mapping, offset: number, size: number): readonly bigint[]
}

/**
 * By the group's node, /dev/vfio/noiommu-N. Pages are locked, but the kernel may still move those that are not huge.
 */
export class NoiommuGroups extends NoiommuAddressSpace {
  readonly #container: Container
  readonly #groups: ContainerGroups

  constructor(container: Container) {
    super(container.descriptor.kernel)
    this.#container = container
    this.#groups = new ContainerGroups(this, container, 'noiommu', () => false)
  }

  protected enter(address: DeviceAddress, options: AttachOptions): Entered {
    return this.#groups.openDevice(address, options)
  }

  protected findPages(memory: Mapping, offset: number, size: number): readonly bigint[] {
    return pagemapPages(this.kernel, memory, offset, size)
  }

  protected tearDown(): void {
    closeInOrder([this.#groups, this.#container])
  }
}

/** By the device's own node, /dev/vfio/devices/noiommu-vfioN. Pages are pinned until they are released. */
export class NoiommuDevices extends NoiommuAddressSpace {
  readonly #ioas: Ioas
  /** The place of each memory in the IOAS, which pins it. */
  readonly #pinned = new Map<Mapping, Pinned>()

  constructor(ioas: Ioas) {
    super(ioas.iommufd.kernel)
    this.#ioas = ioas
  }

  override releasePages(memory: Mapping): void {
    const there = this.#pinned.get(memory)
    if (this.closed || there === undefined) return
    this.#pinned.delete(memory)
    attempt('release pages', () => this.#ioas.unmap(there.iova, there.size))
  }

  protected enter(address: DeviceAddress, options: AttachOptions): Entered {
    return openIommufdDevice(this.kernel, this.#ioas, address, { ...options, noiommu: true })
  }

  protected findPages(memory: Mapping, offset: number, size: number): readonly bigint[] {
    return noiommuPages(this.#ioas, this.#pinned, memory, offset, size)
  }

  protected tearDown(): void {
    this.#pinned.clear()
    this.#ioas.close()
  }
}
