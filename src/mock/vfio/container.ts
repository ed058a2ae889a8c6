import type { IoctlPointer } from '../../kernel/kernel.ts'
import { extension, VFIO_API_VERSION } from '../../uapi/container.ts'
import { request as requests } from '../../uapi/requests.ts'
import { Errno } from '../base/errno.ts'
import { integerArgument } from '../descriptors/ioctl-argument.ts'
import type { IoctlArgument, OpenFile } from '../descriptors/open-file.ts'
import type { Machine } from '../machine/machine.ts'
import type { DmaMappings } from '../memory/dma-mappings.ts'
import { addPublished } from '../process/process-holdings.ts'
import { isNoiommuAllowed, moduleParameter } from '../state/module-parameters.ts'
import { checkInterrupts } from './bind-device.ts'
import type { ContainerIommu } from './container-iommu.ts'
import { NoIommu } from './noiommu.ts'
import { type1Extension } from './type1-info.ts'
import { Type1Iommu } from './type1-iommu.ts'
import type { GroupKind } from './vfio-groups.ts'

/** /dev/vfio/vfio: an IOMMU context that groups are put into. It lives on while a group is in it. */
export class Container implements OpenFile {
  readonly link = '/dev/vfio/vfio'
  readonly lockPath: string = this.link
  readonly #machine: Machine
  readonly #groups = new Map<object, GroupKind>()
  #iommu: ContainerIommu | null = null

  constructor(machine: Machine) {
    this.#machine = machine
  }

  static open(machine: Machine): number {
    return addPublished(machine, new Container(machine))
  }

  get hasIommu(): boolean {
    return this.#iommu !== null
  }

  /** Memory that the devices in it can reach. */
  get dma(): DmaMappings | null {
    return this.#iommu?.mappings ?? null
  }

  /** EPERM for groups with an IOMMU and groups without together. */
  attach(group: object, kind: GroupKind): void {
    if (this.#groups.size > 0 && this.#isNoiommu !== (kind === 'noiommu')) throw new Errno('EPERM')
    if (this.#iommu !== null) this.#attachTo(this.#iommu, group, kind)
    this.#groups.set(group, kind)
  }

  /** The last group takes the IOMMU with it: the container is as it was when opened. */
  detach(group: object): void {
    this.#groups.delete(group)
    this.#iommu?.detach(group)
    if (this.#groups.size > 0) return
    this.#iommu?.close()
    this.#iommu = null
  }

  ioctl(request: number, argument: IoctlArgument, pointers: readonly IoctlPointer[]): number {
    switch (request) {
      case requests.VFIO_GET_API_VERSION:
        return VFIO_API_VERSION
      case requests.VFIO_CHECK_EXTENSION: {
        const number = integerArgument(argument)
        return this.#iommu?.checkExtension(number) ?? this.#offers(number)
      }
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

  get #isNoiommu(): boolean {
    return [...this.#groups.values()].includes('noiommu')
  }

  /** Support of an extension for the groups in it, or for any while it has none. */
  #offers(number: number): number {
    const ofType1 = this.#isNoiommu ? 0 : type1Extension(number, this.#machine.traits)
    const takesNoiommu = this.#isNoiommu || this.#groups.size === 0
    return ofType1 === 0 && takesNoiommu ? this.#noIommu().checkExtension(number) : ofType1
  }

  #noIommu(): NoIommu {
    const { scenario, store } = this.#machine
    return new NoIommu(() => isNoiommuAllowed(scenario, store.read()))
  }

  #setIommu(type: number): number {
    if (this.#groups.size === 0 || this.#iommu !== null) throw new Errno('EINVAL')
    if (this.#offers(type) <= 0) throw new Errno('ENODEV')
    const iommu = this.#isNoiommu ? this.#noIommu() : this.#makeType1(type)
    try {
      for (const [group, kind] of this.#groups) this.#attachTo(iommu, group, kind)
    } catch (error) {
      iommu.close()
      throw error
    }
    this.#iommu = iommu
    return 0
  }

  /** EPERM if a device behind the IOMMU could raise any interrupt. */
  #attachTo(iommu: ContainerIommu, group: object, kind: GroupKind): void {
    if (kind === 'translated') checkInterrupts(this.#machine, 'vfio_iommu_type1')
    iommu.attach(group, kind === 'translated')
  }

  #makeType1(type: number): Type1Iommu {
    // known as an extension, but no IOMMU
    if (type === extension.VFIO_UNMAP_ALL) throw new Errno('EINVAL')
    const { scenario, store, locked, traits } = this.#machine
    const limit = moduleParameter(scenario, store.read(), 'vfio_iommu_type1', 'dma_entry_limit')
    return new Type1Iommu({
      isVersion2: type !== extension.VFIO_TYPE1_IOMMU,
      isNesting: type === extension.VFIO_TYPE1_NESTING_IOMMU,
      maxMappings: limit === null ? usualLimit : Number(limit),
      locked,
      traits,
    })
  }
}

/** dma_entry_limit if nobody set it. */
const usualLimit = 65535
