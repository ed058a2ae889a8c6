import type { IoctlPointer } from '../../kernel/kernel.ts'
import { extension, VFIO_API_VERSION } from '../../uapi/container.ts'
import { request as requests } from '../../uapi/requests.ts'
import { Errno } from '../errno.ts'
import type { Machine } from '../machine.ts'
import type { IoctlArgument, OpenFile } from '../open-file.ts'
import type { DmaAccess } from './dma-mappings.ts'
import { integerArgument } from './ioctl-argument.ts'
import { Type1Iommu } from './type1-iommu.ts'

/** /dev/vfio/vfio: an IOMMU context that groups are put into. It lives on while a group is in it. */
export class Container implements OpenFile {
  readonly link = '/dev/vfio/vfio'
  readonly lockPath: string = this.link
  readonly #machine: Machine
  /** Each with whether an IOMMU stands behind it. */
  readonly #groups = new Map<object, boolean>()
  #iommu: Type1Iommu | null = null

  constructor(machine: Machine) {
    this.#machine = machine
  }

  static open(machine: Machine): number {
    const fd = machine.fds.add(new Container(machine))
    try {
      machine.holdings.publish()
      return fd
    } catch (error) {
      machine.fds.take(fd)
      throw error
    }
  }

  get hasIommu(): boolean {
    return this.#iommu !== null
  }

  /** What the devices in it can reach of memory. */
  get dma(): DmaAccess | null {
    return this.#iommu?.mappings ?? null
  }

  attach(group: object, isBehindIommu: boolean): void {
    this.#groups.set(group, isBehindIommu)
  }

  /** The last group takes the IOMMU with it: the container is as it was when opened. */
  detach(group: object): void {
    this.#groups.delete(group)
    if (this.#groups.size > 0) return
    this.#iommu?.close()
    this.#iommu = null
  }

  ioctl(request: number, argument: IoctlArgument, pointers: readonly IoctlPointer[]): number {
    switch (request) {
      case requests.VFIO_GET_API_VERSION:
        return VFIO_API_VERSION
      case requests.VFIO_CHECK_EXTENSION:
        return this.#checkExtension(integerArgument(argument))
      case requests.VFIO_SET_IOMMU:
        return this.#setIommu(integerArgument(argument))
      default:
        if (this.#iommu === null) throw new Errno('EINVAL')
        return this.#iommu.ioctl(request, argument, pointers)
    }
  }

  close(): void {
    this.#machine.holdings.publish()
  }

  #checkExtension(number: number): number {
    switch (number) {
      case extension.VFIO_TYPE1_IOMMU:
      case extension.VFIO_TYPE1v2_IOMMU:
      case extension.VFIO_UNMAP_ALL:
        return 1
      case extension.VFIO_TYPE1_NESTING_IOMMU:
        return this.#machine.traits.type1Nests ? 1 : 0
      case extension.VFIO_DMA_CC_IOMMU:
        // of no domain at all, which is what mediated devices have, every domain is coherent
        return this.#iommu === null || this.#hasIommu() ? 0 : 1
      case extension.VFIO_UPDATE_VADDR:
        return this.#iommu !== null && [...this.#groups.values()].every((isBehindIommu) => isBehindIommu) ? 1 : 0
      default:
        return 0
    }
  }

  #setIommu(type: number): number {
    if (this.#groups.size === 0 || this.#iommu !== null) throw new Errno('EINVAL')
    if (this.#checkExtension(type) <= 0) throw new Errno('ENODEV')
    if (!iommuTypes.includes(type)) {
      // known as an extension, but no IOMMU
      throw new Errno('EINVAL')
    }
    const limit = this.#machine.scenario.modules['vfio_iommu_type1']?.['dma_entry_limit']
    this.#iommu = new Type1Iommu({
      isVersion2: type !== extension.VFIO_TYPE1_IOMMU,
      mostMappings: limit === undefined ? usualLimit : Number(limit),
      locked: this.#machine.locked,
      wrap: this.#machine.traits.type1Wrap,
      hasIommu: () => this.#hasIommu(),
    })
    return 0
  }

  #hasIommu(): boolean {
    return [...this.#groups.values()].includes(true)
  }
}

/** dma_entry_limit where nobody set it. */
const usualLimit = 65535

const iommuTypes: readonly number[] = [
  extension.VFIO_TYPE1_IOMMU,
  extension.VFIO_TYPE1v2_IOMMU,
  extension.VFIO_TYPE1_NESTING_IOMMU,
]
