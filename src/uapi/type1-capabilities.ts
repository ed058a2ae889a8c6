import { VfioError } from '../base/errors.ts'
import type { InfoCapability } from './info-capabilities.ts'
import { decode } from './struct.ts'

/** Ids of the capabilities behind struct vfio_iommu_type1_info (linux/vfio.h). */
export const type1Capability = {
  VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE: 1,
  VFIO_IOMMU_TYPE1_INFO_CAP_MIGRATION: 2,
  /** The one macro without CAP in its name. */
  VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL: 3,
} as const

export const vfioIommuType1InfoCapIovaRange = {
  name: 'vfio_iommu_type1_info_cap_iova_range',
  size: 16,
  fields: { nr_iovas: [8, 'u32'] },
} as const

/** Both ends inclusive. */
export const vfioIovaRange = {
  name: 'vfio_iova_range',
  size: 16,
  fields: { start: [0, 'u64'], end: [8, 'u64'] },
} as const

export const vfioIommuType1InfoDmaAvail = {
  name: 'vfio_iommu_type1_info_dma_avail',
  size: 12,
  fields: { avail: [8, 'u32'] },
} as const

/** The IOVA_RANGE capability; null where there is none. Throws KERNEL_ANSWER where it makes no sense. */
export function iovaRanges(
  chain: readonly InfoCapability[],
): { readonly first: bigint; readonly last: bigint }[] | null {
  const bytes = chain.find(({ id }) => id === type1Capability.VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE)?.bytes
  if (bytes === undefined) return null
  const { size } = vfioIommuType1InfoCapIovaRange
  const { nr_iovas } = decode(vfioIommuType1InfoCapIovaRange, bytes)
  if (size + nr_iovas * vfioIovaRange.size > bytes.length) {
    throw new VfioError(
      'KERNEL_ANSWER',
      `${nr_iovas} IOVA ranges do not fit in a capability of ${bytes.length} bytes`,
      {
        facts: { ranges: nr_iovas, bytes: bytes.length },
      },
    )
  }
  return Array.from({ length: nr_iovas }, (_, index) => {
    const { start, end } = decode(vfioIovaRange, bytes, size + index * vfioIovaRange.size)
    return { first: start, last: end }
  })
}

/** How many more mappings the container takes; null where the kernel does not say. */
export function dmaAvail(chain: readonly InfoCapability[]): number | null {
  const bytes = chain.find(({ id }) => id === type1Capability.VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL)?.bytes
  return bytes === undefined ? null : decode(vfioIommuType1InfoDmaAvail, bytes).avail
}
