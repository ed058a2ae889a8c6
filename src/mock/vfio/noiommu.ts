import { extension } from '../../uapi/container.ts'
import { Errno } from '../base/errno.ts'
import type { ContainerIommu } from './container-iommu.ts'

/** IOMMU of a container whose devices have none: it answers nothing about mappings. */
export class NoIommu implements ContainerIommu {
  readonly mappings = null
  readonly #isAllowed: () => boolean

  constructor(isAllowed: () => boolean) {
    this.#isAllowed = isAllowed
  }

  attach(): void {}

  detach(): void {}

  checkExtension(number: number): number {
    return this.#isAllowed() && number === extension.VFIO_NOIOMMU_IOMMU ? 1 : 0
  }

  ioctl(): never {
    throw new Errno('ENOTTY')
  }

  close(): void {}
}
