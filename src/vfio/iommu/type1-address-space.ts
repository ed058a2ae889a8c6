import { kernelOrder } from '../../base/byte-order.ts'
import type { DeviceAddress } from '../../host/device-node.ts'
import type { Mapping } from '../../kernel/kernel.ts'
import {
  decodeType1Info,
  dmaAvail,
  dmaMapFlag,
  dmaUnmapFlag,
  iommuInfoFlag,
  iovaRanges,
  type Type1Info,
  vfioIommuType1DmaMap,
  vfioIommuType1DmaUnmap,
  vfioIommuType1Info,
} from '../../uapi/container.ts'
import { request as requests } from '../../uapi/requests.ts'
import { encode } from '../../uapi/struct.ts'
import type { AddressSpaceInfo, IovaRange, MapRequest } from '../address-space/address-space.ts'
import type { Attachment, AttachOptions } from '../address-space/attachment.ts'
import { mapFailed, mapLost, notPhysical, unmapFailed } from '../address-space/map-failure.ts'
import { checkedMapRequest, checkPages } from '../address-space/map-request.ts'
import { MappedRanges } from '../address-space/mapped-ranges.ts'
import { closeInOrder } from '../calls/close-in-order.ts'
import { callForInfo } from '../calls/info-call.ts'
import { attempt } from '../calls/system-call.ts'
import type { Container } from '../group/container.ts'
import { AttachableSpace, cannotMove, type Entered, notAttached } from './attachable-space.ts'
import { ContainerGroups } from './container-groups.ts'

/** The modes of a container with type1. */
export type Type1Mode = 'type1' | 'type1v2' | 'compat-type1' | 'compat-type1v2'

const everything: readonly IovaRange[] = [{ first: 0n, last: 0xffff_ffff_ffff_ffffn }]
/** Number of available mappings that iommufd answers: it does not count them. */
const uncounted = 0xffff_ffff

/**
 * A container with a type1 IOMMU: VFIO_IOMMU_MAP_DMA and its kin, on /dev/vfio/vfio or, in the compatible modes, on
 * /dev/iommu. What is mapped stays until it is unmapped or the address space is closed, also when devices come and go.
 */
export class Type1AddressSpace extends AttachableSpace {
  readonly #container: Container
  readonly #groups: ContainerGroups
  readonly #isIommufds: boolean
  readonly #mapped = new MappedRanges()
  /**
   * Written anew for each call: as long as it is being made, no other is. Field by field, as `encode` and `decode` take
   * a quarter as long as mapping and unmapping a page.
   */
  readonly #mapStruct = encode(vfioIommuType1DmaMap, { argsz: vfioIommuType1DmaMap.size })
  readonly #mapFields = new DataView(this.#mapStruct.buffer)
  readonly #unmapStruct = encode(vfioIommuType1DmaUnmap, { argsz: vfioIommuType1DmaUnmap.size })
  readonly #unmapFields = new DataView(this.#unmapStruct.buffer)
  #pageSize: number | null = null

  constructor(container: Container, mode: Type1Mode) {
    super(container.descriptor.kernel, mode)
    this.#container = container
    this.#isIommufds = mode === 'compat-type1' || mode === 'compat-type1v2'
    const type = mode === 'type1' || mode === 'compat-type1' ? 'type1' : 'type1v2'
    this.#groups = new ContainerGroups(this, container, type, () => this.#mapped.count > 0)
  }

  get pageSize(): number {
    this.#pageSize ??= smallestPage(this.#ask('tell the page size').pageSizes, this.kernel.pageSize)
    return this.#pageSize
  }

  /** VFIO_IOMMU_GET_INFO, capability IOVA_RANGE; everything if it has none, as for mediated devices alone. */
  ranges(): readonly IovaRange[] {
    return rangesOf(this.#ask('tell the IOVA ranges'))
  }

  /** VFIO_IOMMU_GET_INFO, capability DMA_AVAIL. */
  availableMappings(): number | null {
    return availableOf(this.#ask('count the mappings'))
  }

  override info(): AddressSpaceInfo {
    const answer = this.#ask('tell what the IOMMU translates')
    this.#pageSize ??= smallestPage(answer.pageSizes, this.kernel.pageSize)
    return { pageSize: this.#pageSize, ranges: rangesOf(answer), availableMappings: availableOf(answer) }
  }

  map(given: MapRequest): void {
    this.#checkTranslates('map memory')
    const request = checkedMapRequest(given, this.pageSize)
    const { iova, memory, offset, size, access } = request
    const lost = this.#isIommufds ? null : mapLost(request)
    if (lost !== null) throw lost
    const { VFIO_DMA_MAP_FLAG_READ, VFIO_DMA_MAP_FLAG_WRITE } = dmaMapFlag
    const flags = (access === 'w' ? 0 : VFIO_DMA_MAP_FLAG_READ) | (access === 'r' ? 0 : VFIO_DMA_MAP_FLAG_WRITE)
    const { fields } = vfioIommuType1DmaMap
    this.#mapFields.setUint32(fields.flags[0], flags, kernelOrder)
    this.#mapFields.setBigUint64(fields.iova[0], iova, kernelOrder)
    this.#mapFields.setBigUint64(fields.size[0], BigInt(size), kernelOrder)
    const pointer = { offset: fields.vaddr[0], target: memory, at: offset }
    try {
      this.kernel.ioctl(this.#container.descriptor.fd, requests.VFIO_IOMMU_MAP_DMA, this.#mapStruct, [pointer])
    } catch (error) {
      throw mapFailed(this, this.#mapped, request, error)
    }
    this.#mapped.add(iova, BigInt(size))
  }

  unmap(iova: bigint, size: bigint): bigint {
    this.checkOpen()
    checkPages('unmap', iova, size, this.#pageSize ?? this.kernel.pageSize)
    const starts = this.#mapped.within(iova, size)
    if (!this.#groups.translates) return 0n
    let unmapped: bigint
    try {
      unmapped = this.#unmap(0, iova, size)
    } catch (error) {
      throw unmapFailed(this, iova, size, error)
    }
    this.#mapped.forget(starts)
    this.#groups.leaveUnused()
    return unmapped
  }

  unmapAll(): bigint {
    this.checkOpen()
    return this.#unmapEverything()
  }

  physicalPages(_memory: Mapping, _offset: number, _size: number): readonly bigint[] {
    this.checkOpen()
    throw notPhysical(this.mode)
  }

  protected enter(address: DeviceAddress, options: AttachOptions): Entered {
    return this.#groups.openDevice(address, options)
  }

  protected enterAgain(attachment: Attachment): never {
    throw cannotMove(
      attachment,
      'a container translates for whole groups, and keeps a group while its devices are open',
    )
  }

  protected withdraw(attachment: Attachment): never {
    return this.enterAgain(attachment)
  }

  protected tearDown(): void {
    const unmapping = { close: () => void this.#unmapEverything() }
    closeInOrder([unmapping, this.#groups, this.#container])
  }

  #unmapEverything(): bigint {
    if (this.#mapped.count === 0) return 0n
    const unmapped = attempt('unmap everything', () => this.#unmap(dmaUnmapFlag.VFIO_DMA_UNMAP_FLAG_ALL, 0n, 0n))
    this.#mapped.forgetAll()
    this.#groups.leaveUnused()
    return unmapped
  }

  #unmap(flags: number, iova: bigint, size: bigint): bigint {
    const { fields } = vfioIommuType1DmaUnmap
    this.#unmapFields.setUint32(fields.flags[0], flags, kernelOrder)
    this.#unmapFields.setBigUint64(fields.iova[0], iova, kernelOrder)
    this.#unmapFields.setBigUint64(fields.size[0], size, kernelOrder)
    this.#container.descriptor.ioctl(requests.VFIO_IOMMU_UNMAP_DMA, this.#unmapStruct)
    return this.#unmapFields.getBigUint64(fields.size[0], kernelOrder)
  }

  #ask(goal: string): Type1Info {
    this.#checkTranslates(goal)
    const answer = attempt(goal, () =>
      callForInfo(vfioIommuType1Info, {}, iommuInfoFlag.VFIO_IOMMU_INFO_CAPS, (bytes) =>
        this.#container.descriptor.ioctl(requests.VFIO_IOMMU_GET_INFO, bytes),
      ),
    )
    return decodeType1Info(answer)
  }

  #checkTranslates(goal: string): void {
    this.checkOpen()
    if (!this.#groups.translates) throw notAttached(goal)
  }
}

function rangesOf({ capabilities }: Type1Info): readonly IovaRange[] {
  return iovaRanges(capabilities) ?? everything
}

function availableOf({ capabilities }: Type1Info): number | null {
  const available = dmaAvail(capabilities)
  return available === uncounted ? null : available
}

/** `sizes` has a bit for each page size. */
function smallestPage(sizes: bigint | null, pageSize: number): number {
  if (sizes === null || sizes === 0n) return pageSize
  const lowest = sizes & -sizes
  return Math.max(pageSize, lowest > 0x8000_0000n ? pageSize : Number(lowest))
}
