import { extension, VFIO_API_VERSION } from '../../uapi/container.ts'
import { request as requests } from '../../uapi/requests.ts'
import { Errno } from '../errno.ts'
import type { Machine } from '../machine.ts'
import type { IoctlArgument, OpenFile } from '../open-file.ts'
import { integerArgument } from './ioctl-argument.ts'
import { Type1Iommu } from './type1-iommu.ts'

/** /dev/vfio/vfio: an IOMMU context that groups are put into. It lives on while a group is in it. */
export class Container implements OpenFile {
  readonly link = '/dev/vfio/vfio'
  readonly lockPath: string = this.link
  readonly #machine: Machine
  readonly #groups = new Set<object>()
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

  attach(group: object): void {
    this.#groups.add(group)
  }

  /** The last group takes the IOMMU with it: the container is as it was when opened. */
  detach(group: object): void {
    this.#groups.delete(group)
    if (this.#groups.size === 0) this.#iommu = null
  }

  ioctl(request: number, argument: IoctlArgument): number {
    switch (request) {
      case requests.VFIO_GET_API_VERSION:
        return VFIO_API_VERSION
      case requests.VFIO_CHECK_EXTENSION:
        return this.#checkExtension(integerArgument(argument))
      case requests.VFIO_SET_IOMMU:
        return this.#setIommu(integerArgument(argument))
      default:
        if (this.#iommu === null) throw new Errno('EINVAL')
        return this.#iommu.ioctl(request, argument)
    }
  }

  close(): void {
    this.#machine.holdings.publish()
  }

  #checkExtension(number: number): number {
    switch (number) {
      case extension.VFIO_TYPE1_IOMMU:
      case extension.VFIO_TYPE1v2_IOMMU:
      case extension.VFIO_TYPE1_NESTING_IOMMU:
      case extension.VFIO_UNMAP_ALL:
        return 1
      case extension.VFIO_DMA_CC_IOMMU:
        // of no domain at all, which is what mediated devices have, every domain is coherent
        return this.#iommu === null ? 0 : 1
      default:
        return 0
    }
  }

  #setIommu(type: number): number {
    if (this.#groups.size === 0 || this.#iommu !== null) throw new Errno('EINVAL')
    if (!iommuTypes.includes(type)) {
      // known as an extension, but no IOMMU
      throw new Errno(type === extension.VFIO_UNMAP_ALL ? 'EINVAL' : 'ENODEV')
    }
    this.#iommu = new Type1Iommu()
    return 0
  }
}

const iommuTypes: readonly number[] = [
  extension.VFIO_TYPE1_IOMMU,
  extension.VFIO_TYPE1v2_IOMMU,
  extension.VFIO_TYPE1_NESTING_IOMMU,
]
