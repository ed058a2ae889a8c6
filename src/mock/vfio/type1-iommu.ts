import type { IoctlPointer } from '../../kernel/kernel.ts'
import {
  dmaMapFlag,
  dmaUnmapFlag,
  extension,
  vfioIommuType1DmaMap,
  vfioIommuType1DmaUnmap,
} from '../../uapi/container.ts'
import { request as requests } from '../../uapi/requests.ts'
import { encodeInto } from '../../uapi/struct.ts'
import { Errno } from '../base/errno.ts'
import type { KernelTraits } from '../base/kernel-traits.ts'
import { structArgument } from '../descriptors/ioctl-argument.ts'
import type { IoctlArgument } from '../descriptors/open-file.ts'
import type { DmaMapping } from '../memory/dma-mapping.ts'
import { DmaMappings } from '../memory/dma-mappings.ts'
import { isTranslated } from '../memory/iommu-limits.ts'
import type { LockedMemory } from '../memory/locked-memory.ts'
import { pointerAt, UserMemory } from '../memory/user-memory.ts'
import type { ContainerIommu } from './container-iommu.ts'
import { DirtyPages } from './dirty-pages.ts'
import { getType1Info, type1Extension } from './type1-info.ts'

const { VFIO_DMA_MAP_FLAG_READ, VFIO_DMA_MAP_FLAG_WRITE, VFIO_DMA_MAP_FLAG_VADDR } = dmaMapFlag
const { VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP, VFIO_DMA_UNMAP_FLAG_ALL, VFIO_DMA_UNMAP_FLAG_VADDR } = dmaUnmapFlag
const mapFlags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE | VFIO_DMA_MAP_FLAG_VADDR
const unmapFlags = VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP | VFIO_DMA_UNMAP_FLAG_ALL | VFIO_DMA_UNMAP_FLAG_VADDR
const top = 0xffff_ffff_ffff_ffffn

/** vfio_iommu_type1: translations for the groups of a container. */
export class Type1Iommu implements ContainerIommu {
  readonly mappings: DmaMappings
  readonly #isVersion2: boolean
  readonly #isNesting: boolean
  readonly #maxMappings: number
  readonly #traits: KernelTraits
  /** The bits of an address within a page. */
  readonly #mask: bigint
  readonly #dirty: DirtyPages
  /** Each with whether an IOMMU stands behind it. */
  readonly #groups = new Map<object, boolean>()
  /** Those whose addresses are to be replaced (VFIO_DMA_UNMAP_FLAG_VADDR). */
  readonly #withoutAddress = new Set<DmaMapping>()

  constructor(options: {
    /** VFIO_TYPE1v2_IOMMU: mappings are taken away whole. */
    isVersion2: boolean
    /** VFIO_TYPE1_NESTING_IOMMU: made for devices without an IOMMU, as Intel's does not nest so. */
    isNesting: boolean
    maxMappings: number
    locked: LockedMemory
    traits: KernelTraits
  }) {
    this.mappings = new DmaMappings(options.locked, {
      pageSize: options.traits.pageSize,
      takesDeviceMemory: true,
      lendsPages: options.isVersion2,
      touched: (iova, size) => this.#dirty.mark(iova, size),
    })
    this.#dirty = new DirtyPages(this.mappings, options.traits)
    this.#isVersion2 = options.isVersion2
    this.#isNesting = options.isNesting
    this.#maxMappings = options.maxMappings
    this.#traits = options.traits
    this.#mask = BigInt(options.traits.pageSize - 1)
  }

  /**
   * The first group with an IOMMU has everything pinned that is mapped. EINVAL if something is mapped at addresses
   * that its IOMMU does not translate.
   */
  attach(group: object, isBehindIommu: boolean): void {
    if (isBehindIommu) {
      if (this.#isNesting) throw new Errno('EINVAL')
      if ([...this.mappings].some(({ iova, size }) => !isTranslated(iova, iova + size - 1n))) throw new Errno('EINVAL')
      this.mappings.pin()
    }
    this.#groups.set(group, isBehindIommu)
  }

  detach(group: object): void {
    if (this.#groups.get(group) === true) this.#dirty.markAll()
    this.#groups.delete(group)
    if (!this.#hasIommu) this.mappings.unpin()
  }

  checkExtension(number: number): number {
    switch (number) {
      case extension.VFIO_DMA_CC_IOMMU:
        // of no domain at all, which is what mediated devices have, every domain is coherent
        return this.#hasIommu ? 0 : 1
      case extension.VFIO_UPDATE_VADDR:
        return this.#hasMediated ? 0 : 1
      default:
        return type1Extension(number, this.#traits)
    }
  }

  ioctl(request: number, argument: IoctlArgument, pointers: readonly IoctlPointer[]): number {
    switch (request) {
      case requests.VFIO_IOMMU_GET_INFO: {
        const available = this.#maxMappings - this.mappings.count
        return getType1Info(argument, { hasIommu: this.#hasIommu, available, traits: this.#traits })
      }
      case requests.VFIO_IOMMU_MAP_DMA:
        return this.#map(argument, pointers)
      case requests.VFIO_IOMMU_UNMAP_DMA:
        return this.#unmap(argument, pointers)
      case requests.VFIO_IOMMU_DIRTY_PAGES:
        if (!this.#isVersion2) throw new Errno('EACCES')
        return this.#dirty.ioctl(argument, pointers, this.#hasIommu)
      default:
        throw new Errno('ENOTTY')
    }
  }

  /** Everything goes with the container. */
  close(): void {
    this.mappings.clear()
  }

  get #hasIommu(): boolean {
    return [...this.#groups.values()].includes(true)
  }

  get #hasMediated(): boolean {
    return [...this.#groups.values()].includes(false)
  }

  #map(argument: IoctlArgument, pointers: readonly IoctlPointer[]): number {
    const { values } = structArgument(vfioIommuType1DmaMap, argument, vfioIommuType1DmaMap.size)
    const { flags, iova, size } = values
    const isWritable = (flags & VFIO_DMA_MAP_FLAG_WRITE) !== 0
    const pointer = pointerAt(pointers, vfioIommuType1DmaMap.fields.vaddr[0])
    const memory = UserMemory.at(pointer, { address: values.vaddr, size, isWritable })
    const { address } = memory
    if ((flags & ~mapFlags) !== 0 || size === 0n) throw new Errno('EINVAL')
    const last = iova + size - 1n
    if (last > top || address + size - 1n > top) throw new Errno(this.#traits.type1Wrap)
    const access = { read: (flags & VFIO_DMA_MAP_FLAG_READ) !== 0, write: isWritable }
    const isNewAddress = (flags & VFIO_DMA_MAP_FLAG_VADDR) !== 0
    if ((access.read || access.write) === isNewAddress) throw new Errno('EINVAL')
    if (((size | iova | address) & this.#mask) !== 0n) throw new Errno('EINVAL')
    const there = this.mappings.lowest(iova, last)
    if (isNewAddress) return this.#replaceAddress(there, iova, size)
    if (there !== null) throw new Errno('EEXIST')
    if (this.mappings.count >= this.#maxMappings) throw new Errno('ENOSPC')
    if (this.#hasIommu && !isTranslated(iova, last)) throw new Errno('EINVAL')
    if (this.#dirty.isOn) this.#dirty.checkSize({ size })
    this.mappings.add({ iova, size, access, memory, offset: 0n })
    return 0
  }

  /** The memory stays the one that it was: a process gives it another address when it goes on as another. */
  #replaceAddress(there: DmaMapping | null, iova: bigint, size: bigint): number {
    if (there === null) throw new Errno('ENOENT')
    const isSame = there.iova === iova && there.size === size
    if (!isSame || !this.#withoutAddress.delete(there)) throw new Errno('EINVAL')
    return 0
  }

  #unmap(argument: IoctlArgument, pointers: readonly IoctlPointer[]): number {
    const { bytes, values } = structArgument(vfioIommuType1DmaUnmap, argument, vfioIommuType1DmaUnmap.size)
    const { flags, iova, size } = values
    if ((flags & ~unmapFlags) !== 0) throw new Errno('EINVAL')
    const isAll = (flags & VFIO_DMA_UNMAP_FLAG_ALL) !== 0
    const isForAddress = (flags & VFIO_DMA_UNMAP_FLAG_VADDR) !== 0
    const isForDirty = (flags & VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP) !== 0
    if (isForDirty && (isAll || isForAddress)) throw new Errno('EINVAL')
    const struct = bytes.subarray(0, values.argsz)
    const asked = { struct, at: vfioIommuType1DmaUnmap.size, pointers }
    const bitmap = isForDirty ? this.#dirty.bitmap(asked, { base: iova, size }) : null
    if (isForAddress && this.#hasMediated) throw new Errno('EBUSY')
    if ((iova & this.#mask) !== 0n) throw new Errno('EINVAL')
    if (isAll ? iova !== 0n || size !== 0n : size === 0n || (size & this.#mask) !== 0n) throw new Errno('EINVAL')
    const last = isAll ? top : iova + size - 1n
    if (last > top) throw new Errno(this.#traits.type1Wrap)
    if (bitmap !== null) this.#dirty.checkFillable(bitmap)
    const found = this.mappings.overlapping(iova, last)
    const isCut = ({ iova: start, size: length }: { iova: bigint; size: bigint }) =>
      start < iova || start + length - 1n > last
    if (this.#isVersion2 && found.some(isCut)) throw new Errno('EINVAL')
    // the first version stops at a mapping that begins before the range, and takes one whole that reaches beyond it
    const [first] = found
    const taken = first !== undefined && first.iova < iova ? [] : found
    if (isForAddress) this.#forgetAddresses(taken)
    else {
      for (const mapping of taken) {
        if (bitmap !== null) this.#dirty.take(mapping, bitmap, this.#hasIommu)
        this.mappings.delete(mapping)
        this.#dirty.forget(mapping)
        this.#withoutAddress.delete(mapping)
      }
    }
    const unmapped = taken.reduce((sum, mapping) => sum + mapping.size, 0n)
    encodeInto(vfioIommuType1DmaUnmap, bytes, { size: BigInt.asUintN(64, unmapped) })
    return 0
  }

  /** EINVAL, and all of them have theirs again, if one has none already. */
  #forgetAddresses(mappings: readonly DmaMapping[]): void {
    const before = mappings.findIndex((mapping) => this.#withoutAddress.has(mapping))
    if (before >= 0) {
      for (const mapping of mappings.slice(0, before)) this.#withoutAddress.delete(mapping)
      throw new Errno('EINVAL')
    }
    for (const mapping of mappings) this.#withoutAddress.add(mapping)
  }
}
