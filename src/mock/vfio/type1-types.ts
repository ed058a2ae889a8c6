import { extension } from '../../uapi/container.ts'
import type { KernelTraits } from '../base/kernel-traits.ts'

/** What vfio_iommu_type1 says of an extension as long as no container has it. */
export function type1Extension(number: number, { type1Nests }: KernelTraits): number {
  switch (number) {
    case extension.VFIO_TYPE1_IOMMU:
    case extension.VFIO_TYPE1v2_IOMMU:
    case extension.VFIO_UNMAP_ALL:
      return 1
    case extension.VFIO_TYPE1_NESTING_IOMMU:
      return type1Nests ? 1 : 0
    default:
      return 0
  }
}
