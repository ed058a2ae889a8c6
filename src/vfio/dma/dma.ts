import * as v from 'valibot'
import { address, checked, count } from '../../base/arguments.ts'
import { type MemlockLimit, memlockLimit } from '../../host/memlock-limit.ts'
import type { Mapping } from '../../kernel/kernel.ts'
import type { AddressSpace, DmaAccess } from '../address-space/address-space.ts'
import { mappedMemory } from '../address-space/map-request.ts'
import { raiseMemlockLimit } from '../address-space/raise-memlock.ts'
import { orClose } from '../calls/close-in-order.ts'
import { MappedRegion } from '../region/mapped-region.ts'
import type { DmaBuffer } from './dma-buffer.ts'
import { type BufferMemory, DmaMappings } from './dma-mappings.ts'
import { allocateMemory } from './dma-memory.ts'

/** The limits of a device’s DMA. */
export interface DmaOptions {
  /** The number of address bits of the device, if it does not reach all 64. */
  readonly addressBits?: number
}

/** Options for a DMA buffer: its address and the access of devices. */
export interface BufferOptions extends DmaOptions {
  /** The access of devices (default: 'rw'). */
  readonly access?: DmaAccess
  /** Its address for devices, a multiple of the page size (default: chosen by the library). */
  readonly iova?: bigint
}

/** Options for allocating memory for DMA. */
export interface AllocateOptions extends BufferOptions {
  /**
   * Huge pages (2 MiB on x86-64), which the host must have set aside; without an IOMMU, what is larger than a page
   * needs them.
   */
  readonly hugePages?: boolean
}

/** Options for mapping the caller’s memory for DMA: the part of it, its address and the access of devices. */
export interface MapOptions extends BufferOptions {
  /** The part of the memory, in bytes and whole pages; all of it unless told. */
  readonly offset?: number
  readonly size?: number
}

const bufferOptions = {
  access: v.optional(v.picklist(['r', 'w', 'rw'])),
  iova: v.optional(address),
  addressBits: v.optional(count),
}
const mappable = v.union([v.instance(MappedRegion), mappedMemory], 'must be mapped memory or a mapped region')

type CheckedOptions = v.InferOutput<v.ObjectSchema<typeof bufferOptions, undefined>>
const allocateOptions = v.optional(v.strictObject({ ...bufferOptions, hugePages: v.optional(v.boolean()) }), {})
const mapOptions = v.optional(
  v.strictObject({ ...bufferOptions, offset: v.optional(count), size: v.optional(count) }),
  {},
)

/** The buffers of each address space: all the devices in it reach the same. */
const mappingsOf = new WeakMap<AddressSpace, DmaMappings>()

/**
 * Memory for a device: buffers in its address space, with an address for the device and a view for us. The devices of
 * one address space reach the same buffers, whichever of them a buffer was made for.
 */
export class Dma {
  readonly #space: AddressSpace
  readonly #mappings: DmaMappings
  readonly #addressBits: number | undefined

  constructor(addressSpace: AddressSpace, { addressBits }: DmaOptions = {}) {
    this.#space = addressSpace
    this.#addressBits = addressBits
    this.#mappings = mappingsOf.get(addressSpace) ?? new DmaMappings(addressSpace)
    mappingsOf.set(addressSpace, this.#mappings)
    // this may be for a device that was attached just now
    this.#mappings.rangesMayDiffer()
  }

  /**
   * New memory, zeroed and mapped for the device; `size` is rounded up to whole pages. Large memory is pinned in
   * pieces, between which the event loop runs. Throws MEMLOCK_EXCEEDED, NO_HUGE_PAGES, NO_IOVA_LEFT, NO_MAPPING_LEFT;
   * for a given `iova` IOVA_IN_USE and IOVA_RESERVED; INVALID_ARGUMENT, CLOSED.
   */
  async allocate(size: number, given?: AllocateOptions): Promise<DmaBuffer> {
    const options = checked('allocate', allocateOptions, given, 'its options')
    const memory = allocateMemory(this.#space, size, options.hugePages ?? false)
    try {
      return await this.#map({ memory, offset: 0, size: memory.length, owned: memory, dmaBuf: null }, options)
    } catch (error) {
      memory.close()
      throw error
    }
  }

  /**
   * Maps memory that is there already, which stays its owner's to close; or the memory of a device, which other devices
   * then reach without the processor (peer to peer): closing the mapped region unmaps it. Throws what `allocate` does,
   * OUT_OF_RANGE.
   *
   * iommufd takes a device's memory as a dma-buf alone, which Linux makes of BARs from 6.19 on: NOT_SUPPORTED before,
   * and in the compatible modes. Once such memory was not there for a while (memory decode off, reset), no device
   * reaches it any more, until it is mapped anew.
   */
  async map(memory: Mapping | MappedRegion, given?: MapOptions): Promise<DmaBuffer> {
    const options = checked('map', mapOptions, given, 'its options')
    const { offset = 0, size } = options
    checked('map', mappable, memory, 'its memory')
    if (!(memory instanceof MappedRegion)) {
      return this.#map({ memory, offset, size: size ?? memory.length - offset, owned: null, dmaBuf: null }, options)
    }
    const part = memory.mappingAt(offset)
    const lent: { buffer?: DmaBuffer } = {}
    const owned = { close: () => lent.buffer !== undefined && memory.release(lent.buffer) }
    const dmaBuf = this.#space.mode === 'iommufd' ? memory.dmaBufAt(offset) : null
    const mapping = { memory: part.mapping, offset: part.offset, size: size ?? part.size, owned, dmaBuf }
    // what is mapped keeps the dma-buf
    const buffer = await this.#map(mapping, options).finally(() => dmaBuf !== null && this.#space.kernel.close(dmaBuf))
    lent.buffer = buffer
    // it may have been closed meanwhile
    orClose([buffer], () => memory.hold(buffer))
    return buffer
  }

  /** The open buffers of the address space, by address. */
  get buffers(): readonly DmaBuffer[] {
    return this.#mappings.buffers()
  }

  /** The buffer that a device reaches at this address, and which of its bytes; null if there is none. */
  find(iova: bigint): { readonly buffer: DmaBuffer; readonly offset: number } | null {
    const buffer = this.#mappings.at(checked('find', address, iova))
    return buffer === null ? null : { buffer, offset: Number(iova - buffer.iova) }
  }

  /** Unmaps all that is mapped in the address space, and closes its buffers. Returns the bytes unmapped. */
  unmapAll(): bigint {
    return this.#mappings.clear()
  }

  /** The number of mappings that the kernel still takes; null if it does not say. */
  get availableMappings(): number | null {
    return this.#space.availableMappings()
  }

  /** The memory that this process may lock, which mapping does; null if the kernel does not say. */
  memlock(): MemlockLimit | null {
    return memlockLimit(this.#space.kernel)
  }

  /** Raises the soft limit on locked memory to the hard one, for this process. Throws NOT_SUPPORTED if it cannot. */
  raiseMemlock(): Promise<MemlockLimit> {
    return raiseMemlockLimit(this.#space.kernel)
  }

  #map(
    { memory, offset, size, owned, dmaBuf }: Omit<BufferMemory, 'access'>,
    { access = 'rw', iova, addressBits = this.#addressBits }: CheckedOptions,
  ): Promise<DmaBuffer> {
    return this.#mappings.map({ memory, offset, size, access, owned, dmaBuf }, { iova, addressBits })
  }
}
