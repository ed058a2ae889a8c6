import { Errno } from '../base/errno.ts'
import type { PageSize } from '../base/kernel-traits.ts'
import type { PinnedPage } from './dma-mapping.ts'
import type { DmaMappings } from './dma-mappings.ts'
import type { UnmapListener } from './page-pins.ts'
import type { ParentDma } from './parent-dma.ts'
import type { PhysicalMemory } from './physical-memory.ts'

/** Bytes of an address. VFIO_PIN_PAGES_MAX_ENTRIES: those that fit a page. */
const addressSize = 8

/** Memory by the addresses that the process gave the device (IOVAs): the container's translations stand between. */
export interface GuestMemory {
  /**
   * vfio_dma_rw: copies out of the memory, across mappings. EINVAL if nothing is mapped, EPERM if it may not be
   * read, EFAULT if the process has no memory behind it.
   */
  read(iova: bigint, into: Uint8Array): void
  /** The other way round. EPERM if it may not be written, or not be read. */
  write(iova: bigint, from: Uint8Array): void
  /**
   * vfio_pin_pages: keeps pages where they are, until they are unpinned as often as they were pinned. Returns their
   * physical addresses. All of them or none: EINVAL if nothing is mapped, EPERM if less is allowed, ENOMEM if
   * the process may not lock more. EINVAL too for a driver that has not said `onUnmap`; E2BIG for more pages than a
   * page has room for their addresses: 512 of 4 KiB.
   */
  pin(iova: bigint, pages: number, access: { readonly read: boolean; readonly write: boolean }): bigint[]
  /** vfio_unpin_pages. What is not pinned is passed over. */
  unpin(iova: bigint, pages: number): void
  /**
   * dma_map_page: the address by which the parent's hardware reaches a page that is pinned. A physical address without
   * an IOMMU, else one of the IOMMU's. Asked again, it is the same; it ends with the last pin. EINVAL for other pages.
   */
  dmaAddress(iova: bigint): bigint
  /** A mapping of which pages are pinned goes away: the driver unpins them before it returns. */
  onUnmap(listener: UnmapListener): void
}

/** Memory services of the machine, for one opened device. */
export interface DeviceMemoryServices {
  /** The address space that the device is in at the moment. */
  readonly space: () => DmaMappings | null
  readonly physical: PhysicalMemory
  readonly parent: ParentDma
  readonly pageSize: PageSize
}

/** The memory of one device, while it is open. */
export class DeviceMemory implements GuestMemory {
  readonly #services: DeviceMemoryServices
  /** Number of this device's pins of each page, by IOVA, and its address space. */
  readonly #pins = new Map<bigint, { count: number; readonly space: DmaMappings; readonly page: PinnedPage }>()
  readonly #dmaAddresses = new Map<bigint, bigint>()
  readonly #stopListening = new Map<DmaMappings, () => void>()
  #listener: UnmapListener | null = null

  constructor(services: DeviceMemoryServices) {
    this.#services = services
  }

  read(iova: bigint, into: Uint8Array): void {
    this.#copy(iova, into.length, { write: false }, (bytes, at) => into.set(bytes, at))
  }

  write(iova: bigint, from: Uint8Array): void {
    this.#copy(iova, from.length, { write: true }, (bytes, at) => bytes.set(from.subarray(at, at + bytes.length)))
  }

  pin(iova: bigint, pages: number, access: { readonly read: boolean; readonly write: boolean }): bigint[] {
    const space = this.#services.space()
    if (space === null || this.#listener === null || pages < 1) throw new Errno('EINVAL')
    if (pages > this.#services.pageSize / addressSize) throw new Errno('E2BIG')
    if (!this.#stopListening.has(space)) this.#stopListening.set(space, space.pins.onUnmap(this.#listener))
    const addresses: bigint[] = []
    try {
      for (const page of this.#pagesFrom(iova, pages)) addresses.push(this.#pinOne(space, page, access))
    } catch (error) {
      this.unpin(iova, addresses.length)
      throw error
    }
    return addresses
  }

  unpin(iova: bigint, pages: number): void {
    for (const page of this.#pagesFrom(iova, pages)) this.#unpinOne(page)
  }

  dmaAddress(iova: bigint): bigint {
    const page = this.#pageOf(iova)
    const pinned = this.#pins.get(page)
    if (pinned === undefined) throw new Errno('EINVAL')
    let address = this.#dmaAddresses.get(page)
    if (address === undefined) {
      address = this.#services.parent.map({ physical: this.#physical(pinned.page), bytes: this.#bytesOf(pinned.page) })
      this.#dmaAddresses.set(page, address)
    }
    return address + (iova - page)
  }

  onUnmap(listener: UnmapListener): void {
    this.#listener = listener
  }

  /** The device is closed: what it still has pinned is let go for it. */
  release(): void {
    for (const [page, { count }] of [...this.#pins]) for (let pin = 0; pin < count; pin++) this.#unpinOne(page)
    for (const stop of this.#stopListening.values()) stop()
    this.#stopListening.clear()
  }

  #pinOne(space: DmaMappings, iova: bigint, access: { readonly read: boolean; readonly write: boolean }): bigint {
    const page = space.pins.pin(iova, access)
    space.touched(iova, BigInt(this.#services.pageSize))
    this.#pins.set(iova, { count: (this.#pins.get(iova)?.count ?? 0) + 1, space, page })
    return this.#physical(page)
  }

  #unpinOne(iova: bigint): void {
    const pinned = this.#pins.get(iova)
    if (pinned === undefined) return
    pinned.space.pins.unpin(iova)
    pinned.count--
    if (pinned.count > 0) return
    this.#pins.delete(iova)
    const address = this.#dmaAddresses.get(iova)
    if (address !== undefined) this.#services.parent.unmap(address)
    this.#dmaAddresses.delete(iova)
  }

  #physical(page: PinnedPage): bigint {
    const bytes = this.#bytesOf(page)
    return this.#services.physical.addressOf(bytes.buffer, bytes.byteOffset)
  }

  #copy(iova: bigint, length: number, way: { write: boolean }, move: (bytes: Uint8Array, at: number) => void): void {
    for (let at = 0; at < length; ) {
      const address = iova + BigInt(at)
      const space = this.#services.space()
      const mapping = space?.lowest(address, address) ?? null
      if (mapping === null) throw new Errno('EINVAL')
      if (!mapping.access.read || (way.write && !mapping.access.write)) throw new Errno('EPERM')
      const start = Number(mapping.offset + (address - mapping.iova))
      const end = Number(mapping.offset + mapping.size)
      const bytes = mapping.memory.bytes?.subarray(start, Math.min(end, start + length - at))
      if (bytes === undefined || bytes.length === 0) throw new Errno('EFAULT')
      move(bytes, at)
      if (way.write) space?.touched(address, BigInt(bytes.length))
      at += bytes.length
    }
  }

  #bytesOf({ memory, offset }: PinnedPage): Uint8Array {
    const { pageSize } = this.#services
    return memory.bytes?.subarray(Number(offset), Number(offset) + pageSize) ?? new Uint8Array(pageSize)
  }

  #pageOf(iova: bigint): bigint {
    return iova - (iova % BigInt(this.#services.pageSize))
  }

  *#pagesFrom(iova: bigint, pages: number): Generator<bigint> {
    const { pageSize } = this.#services
    for (let page = 0; page < pages; page++) yield this.#pageOf(iova) + BigInt(page * pageSize)
  }
}
