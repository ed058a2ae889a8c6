import {
  extension,
  iommuInfoFlag,
  type1Capability,
  vfioIommuType1Info,
  vfioIommuType1InfoDmaAvail,
} from '../../uapi/container.ts'
import { encode, encodeInto, vfioInfoCapHeader } from '../../uapi/struct.ts'
import type { KernelTraits } from '../base/kernel-traits.ts'
import { structArgument } from '../descriptors/ioctl-argument.ts'
import type { IoctlArgument } from '../descriptors/open-file.ts'
import { iovaRangeBody, iovaRanges, pageSizeBitmap } from '../memory/iommu-limits.ts'
import { maxBitmapBytes } from './dirty-pages.ts'

/** Answer of vfio_iommu_type1 about an extension as long as no container has it. */
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

/** Before cap_offset was appended (5.4). */
const oldInfoSize = 16
/** VFIO_IOMMU_GET_INFO; `available` is the number of mappings that are left. */
export function getType1Info(
  argument: IoctlArgument,
  of: { hasIommu: boolean; available: number; traits: KernelTraits },
): number {
  const { bytes, values } = structArgument(vfioIommuType1Info, argument, oldInfoSize)
  const { size } = vfioIommuType1Info
  const chain = capabilityChain(size, of)
  const needed = size + chain.length
  const hasRoom = values.argsz >= needed
  if (hasRoom) bytes.set(chain, size)
  const header = encode(vfioIommuType1Info, {
    argsz: hasRoom ? values.argsz : needed,
    flags: iommuInfoFlag.VFIO_IOMMU_INFO_PGSIZES | iommuInfoFlag.VFIO_IOMMU_INFO_CAPS,
    iova_pgsizes: pageSizeBitmap(of.traits, of.hasIommu),
    cap_offset: hasRoom ? size : 0,
  })
  // up to 6.2 or so, cap_offset is the last field that is copied out, and only to callers that have it
  const early = values.argsz >= 20 ? 20 : oldInfoSize
  bytes.set(header.subarray(0, of.traits.copiesInfoWhole ? Math.min(values.argsz, size) : early))
  return 0
}

const migrationCapability = {
  name: 'vfio_iommu_type1_info_cap_migration',
  size: 32,
  fields: { flags: [8, 'u32'], pgsize_bitmap: [16, 'u64'], max_dirty_bitmap_size: [24, 'u64'] },
} as const

function capabilityChain(
  start: number,
  of: { hasIommu: boolean; available: number; traits: KernelTraits },
): Uint8Array {
  const { VFIO_IOMMU_TYPE1_INFO_CAP_MIGRATION, VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL, VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE } =
    type1Capability
  const dirty = { flags: 0, pgsize_bitmap: BigInt(of.traits.pageSize), max_dirty_bitmap_size: maxBitmapBytes }
  const available = new Uint8Array(of.traits.alignsCapabilities ? 16 : vfioIommuType1InfoDmaAvail.size)
  encodeInto(vfioIommuType1InfoDmaAvail, available, { avail: of.available })
  const links = [
    { id: VFIO_IOMMU_TYPE1_INFO_CAP_MIGRATION, bytes: encode(migrationCapability, dirty) },
    { id: VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL, bytes: available },
    ...(of.hasIommu ? [{ id: VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE, bytes: iovaRangeBody(iovaRanges) }] : []),
  ]
  let at = start
  for (const [index, { id, bytes }] of links.entries()) {
    at += bytes.length
    encodeInto(vfioInfoCapHeader, bytes, { id, version: 1, next: index + 1 < links.length ? at : 0 })
  }
  return Buffer.concat(links.map(({ bytes }) => bytes))
}
