import { iommuInfoFlag, type1Capability, vfioIommuType1Info, vfioIommuType1InfoDmaAvail } from '../../uapi/container.ts'
import { encode, encodeInto, vfioInfoCapHeader } from '../../uapi/struct.ts'
import { structArgument } from '../descriptors/ioctl-argument.ts'
import type { IoctlArgument } from '../descriptors/open-file.ts'
import { iovaRangeBody, pageSizeBitmap } from '../memory/iommu-limits.ts'
import type { Ioas } from './ioas.ts'

/** Before cap_offset was appended (5.4). */
const oldInfoSize = 16

/** VFIO_IOMMU_GET_INFO of an iommufd: as many capabilities as there is room for, and always the size of all. */
export function getCompatInfo(argument: IoctlArgument, compat: () => Ioas): number {
  const { bytes, values } = structArgument(vfioIommuType1Info, argument, oldInfoSize)
  const { argsz } = values
  const ioas = compat()
  const { VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL, VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE } = type1Capability
  // mappings are limited by memory alone
  const available = encode(vfioIommuType1InfoDmaAvail, { avail: 0xffff_ffff }).subarray(0, 12)
  encodeInto(vfioInfoCapHeader, available, { id: VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL, version: 1, next: 0 })
  const ranges = iovaRangeBody(ioas.ranges())
  encodeInto(vfioInfoCapHeader, ranges, { id: VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE, version: 1, next: 0 })
  const { size } = vfioIommuType1Info
  // the next one begins at a multiple of 8
  const rangesAt = size + 16
  const needed = rangesAt + ranges.length
  if (argsz >= rangesAt) encodeInto(vfioInfoCapHeader, available, { next: rangesAt })
  if (argsz >= size + available.length) bytes.set(available, size)
  if (argsz >= needed) bytes.set(ranges, rangesAt)
  const header = encode(vfioIommuType1Info, {
    argsz: needed,
    flags: iommuInfoFlag.VFIO_IOMMU_INFO_PGSIZES | iommuInfoFlag.VFIO_IOMMU_INFO_CAPS,
    iova_pgsizes: pageSizeBitmap(ioas, ioas.hasPageTables),
    cap_offset: argsz >= needed ? size : 0,
  })
  bytes.set(header.subarray(0, Math.min(argsz, size)))
  return 0
}
