import type { Kernel, Mapping } from '../../kernel/kernel.ts'

/**
 * The way in which the addresses that devices use are translated, and the door to it: a type1 container of VFIO's own,
 * the same spoken to /dev/iommu ('compat-…'), iommufd itself with the device's own node, or not at all ('noiommu':
 * addresses are physical).
 */
export type IommuMode = 'type1' | 'type1v2' | 'compat-type1' | 'compat-type1v2' | 'iommufd' | 'noiommu'

/** Addresses from `first` to `last`, both inclusive: 2^64 bytes have no size that fits. */
export interface IovaRange {
  readonly first: bigint
  readonly last: bigint
}

/** An address space at one moment. */
export interface AddressSpaceInfo {
  /** The smallest page that can be mapped, in bytes. */
  readonly pageSize: number
  readonly ranges: readonly IovaRange[]
  readonly availableMappings: number | null
}

/** The access of a device to mapped memory. */
export type DmaAccess = 'r' | 'w' | 'rw'

/** Memory to map for DMA, and its IOVA. */
export interface MapRequest {
  /** A multiple of `pageSize`, as are `offset` and `size`. */
  readonly iova: bigint
  readonly memory: Mapping
  /** The dma-buf behind memory that is a device's: how iommufd maps such. Null for memory of our own. */
  readonly dmaBuf?: number | null
  /** Bytes from the memory's beginning. */
  readonly offset: number
  readonly size: number
  readonly access: DmaAccess
}

/**
 * One translation of addresses, shared by the devices that are attached to it. The same meaning in every mode:
 * - map over what is mapped: IOVA_IN_USE; outside `ranges()` or past 2^64: IOVA_RESERVED with the ranges; more pages
 *   than
 *   the limit on locked memory: MEMLOCK_EXCEEDED with needed and limit; no mapping left: NO_MAPPING_LEFT;
 * - unmap takes whole mappings only: one that cuts a mapping is PARTIAL_UNMAP and changes nothing, although a type1
 *   container of the first version would take more or nothing; what holds no mapping is 0 bytes.
 */
export interface AddressSpace extends Disposable {
  readonly kernel: Kernel
  readonly mode: IommuMode
  /** The smallest page that can be mapped, in bytes. */
  readonly pageSize: number
  /** The ranges that mappings may lie in, by address; asked anew each time, as each attached device may narrow them. */
  ranges(): readonly IovaRange[]
  /** The number of mappings that the kernel still takes; null if it does not say. */
  availableMappings(): number | null
  /** All of that, of one answer of the kernel if it tells all in one. */
  info(): AddressSpaceInfo
  /**
   * Maps memory for the devices in it. IOVA_RESERVED, IOVA_IN_USE, NO_MAPPING_LEFT or MEMLOCK_EXCEEDED if the kernel
   * refuses.
   */
  map(request: MapRequest): void
  /** Returns the bytes unmapped. */
  unmap(iova: bigint, size: bigint): bigint
  /** Unmaps everything. Returns the bytes unmapped. */
  unmapAll(): bigint
  /**
   * 'noiommu' only, where nothing is mapped: the physical address of each page of the memory. NOT_SUPPORTED elsewhere.
   */
  physicalPages(memory: Mapping, offset: number, size: number): readonly bigint[]
  /** Ends the pinning by `physicalPages`: pages of the memory may move from then on. */
  releasePages(memory: Mapping): void
  readonly closed: boolean
  /** Idempotent. Devices that are attached keep it alive: they are closed first. */
  close(): void
}
