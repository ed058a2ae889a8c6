import type { IoctlPointer } from '../../kernel/kernel.ts'
import { request as requests } from '../../uapi/requests.ts'
import { encodeInto } from '../../uapi/struct.ts'
import { dmaMapFlag, dmaUnmapFlag, vfioIommuType1DmaMap, vfioIommuType1DmaUnmap } from '../../uapi/type1.ts'
import { Errno } from '../errno.ts'
import type { LockedMemory } from '../locked-memory.ts'
import { pageSize } from '../memory.ts'
import type { IoctlArgument } from '../open-file.ts'
import { DmaMappings } from './dma-mappings.ts'
import { structArgument } from './ioctl-argument.ts'
import { getType1Info, iovaRanges } from './type1-info.ts'
import { addressOf, memoryAt } from './user-memory.ts'

const { VFIO_DMA_MAP_FLAG_READ, VFIO_DMA_MAP_FLAG_WRITE, VFIO_DMA_MAP_FLAG_VADDR } = dmaMapFlag
const { VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP, VFIO_DMA_UNMAP_FLAG_ALL, VFIO_DMA_UNMAP_FLAG_VADDR } = dmaUnmapFlag
const mapFlags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE | VFIO_DMA_MAP_FLAG_VADDR
const unmapFlags = VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP | VFIO_DMA_UNMAP_FLAG_ALL | VFIO_DMA_UNMAP_FLAG_VADDR
const mask = BigInt(pageSize - 1)
const top = 0xffff_ffff_ffff_ffffn

/**
 * vfio_iommu_type1. With only mediated devices in the container it keeps translations without looking at
 * the memory; with a device behind the IOMMU it pins the memory, and takes addresses that the IOMMU can translate alone.
 */
export class Type1Iommu {
  readonly mappings: DmaMappings = new DmaMappings()
  readonly #isVersion2: boolean
  readonly #mostMappings: number
  readonly #locked: LockedMemory
  readonly #wrap: 'EINVAL' | 'EOVERFLOW'
  readonly #hasIommu: () => boolean

  constructor(options: {
    /** VFIO_TYPE1v2_IOMMU: mappings are taken away whole. */
    isVersion2: boolean
    mostMappings: number
    locked: LockedMemory
    /** What a range past the end of 64 bits is. */
    wrap: 'EINVAL' | 'EOVERFLOW'
    /** Whether any device of the container is behind an IOMMU. */
    hasIommu: () => boolean
  }) {
    this.#isVersion2 = options.isVersion2
    this.#mostMappings = options.mostMappings
    this.#locked = options.locked
    this.#wrap = options.wrap
    this.#hasIommu = options.hasIommu
  }

  ioctl(request: number, argument: IoctlArgument, pointers: readonly IoctlPointer[]): number {
    switch (request) {
      case requests.VFIO_IOMMU_GET_INFO: {
        const available = this.#mostMappings - this.mappings.count
        return getType1Info(argument, { hasIommu: this.#hasIommu(), available })
      }
      case requests.VFIO_IOMMU_MAP_DMA:
        return this.#map(argument, pointers)
      case requests.VFIO_IOMMU_UNMAP_DMA:
        return this.#unmap(argument)
      default:
        throw new Errno('ENOTTY')
    }
  }

  /** Everything goes with the container. */
  close(): void {
    for (const mapping of this.mappings.overlapping(0n, top)) this.mappings.delete(mapping)
    this.#locked.release(this)
  }

  #map(argument: IoctlArgument, pointers: readonly IoctlPointer[]): number {
    const { values } = structArgument(vfioIommuType1DmaMap, argument, vfioIommuType1DmaMap.size)
    const { flags, iova, size } = values
    const target = pointers.find(({ offset }) => offset === vfioIommuType1DmaMap.fields.vaddr[0])?.target
    const address = target === undefined ? values.vaddr : addressOf(target)
    if ((flags & ~mapFlags) !== 0) throw new Errno('EINVAL')
    const access = {
      read: (flags & VFIO_DMA_MAP_FLAG_READ) !== 0,
      write: (flags & VFIO_DMA_MAP_FLAG_WRITE) !== 0,
    }
    const isNewAddress = (flags & VFIO_DMA_MAP_FLAG_VADDR) !== 0
    if ((access.read || access.write) === isNewAddress) throw new Errno('EINVAL')
    if (size === 0n || ((size | iova | address) & mask) !== 0n) throw new Errno('EINVAL')
    const last = iova + size - 1n
    if (last > top || address + size - 1n > top) throw new Errno(this.#wrap)
    const there = this.mappings.lowest(iova, last)
    // no address was invalidated that a new one could replace
    if (isNewAddress) throw new Errno(there === null ? 'ENOENT' : 'EINVAL')
    if (there !== null) throw new Errno('EEXIST')
    if (this.mappings.count >= this.#mostMappings) throw new Errno('ENOSPC')
    if (this.#hasIommu() && !iovaRanges.some((range) => iova >= range.first && last <= range.last)) {
      throw new Errno('EINVAL')
    }
    const memory = memoryAt(target, size)
    if (this.#hasIommu()) {
      if (memory === null) throw new Errno('EFAULT')
      this.#locked.add(this, size)
    }
    this.mappings.add({ iova, size, access, memory })
    return 0
  }

  #unmap(argument: IoctlArgument): number {
    const { bytes, values } = structArgument(vfioIommuType1DmaUnmap, argument, vfioIommuType1DmaUnmap.size)
    const { flags, iova, size } = values
    if ((flags & ~unmapFlags) !== 0) throw new Errno('EINVAL')
    const isAll = (flags & VFIO_DMA_UNMAP_FLAG_ALL) !== 0
    // nobody logs dirty pages here
    if ((flags & VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP) !== 0) throw new Errno('EINVAL')
    if ((iova & mask) !== 0n) throw new Errno('EINVAL')
    if (isAll ? iova !== 0n || size !== 0n : size === 0n || (size & mask) !== 0n) throw new Errno('EINVAL')
    const last = isAll ? top : iova + size - 1n
    if (last > top) throw new Errno(this.#wrap)
    const found = this.mappings.overlapping(iova, last)
    const isCut = ({ iova: start, size: length }: { iova: bigint; size: bigint }) =>
      start < iova || start + length - 1n > last
    if (this.#isVersion2 && found.some(isCut)) throw new Errno('EINVAL')
    // an address that is to be replaced is no affair of this kernel's
    if ((flags & VFIO_DMA_UNMAP_FLAG_VADDR) !== 0 && found.length > 0) throw new Errno('EINVAL')
    // the first version stops at a mapping that begins before the range, and takes one whole that reaches beyond it
    const [first] = found
    const taken = first !== undefined && first.iova < iova ? [] : found
    let unmapped = 0n
    for (const mapping of taken) {
      this.mappings.delete(mapping)
      if (this.#hasIommu()) this.#locked.take(this, mapping.size)
      unmapped += mapping.size
    }
    encodeInto(vfioIommuType1DmaUnmap, bytes, { size: BigInt.asUintN(64, unmapped) })
    return 0
  }
}
