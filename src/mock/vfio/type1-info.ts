import { vfioInfoCapHeader } from '../../uapi/info-capabilities.ts'
import { encode, encodeInto } from '../../uapi/struct.ts'
import { iommuInfoFlag, vfioIommuType1Info } from '../../uapi/type1.ts'
import {
  type1Capability,
  vfioIommuType1InfoCapIovaRange,
  vfioIommuType1InfoDmaAvail,
  vfioIovaRange,
} from '../../uapi/type1-capabilities.ts'
import type { IoctlArgument } from '../descriptors/open-file.ts'
import type { KernelTraits } from '../kernel-traits.ts'
import { mostBitmapBytes } from './dirty-pages.ts'
import { structArgument } from './ioctl-argument.ts'

/** Before cap_offset was appended (5.4). */
const oldInfoSize = 16
/** Every multiple of 4 KiB: no IOMMU stands behind a mediated device to say otherwise. */
export const anyPages = 0xffff_ffff_ffff_f000n
/** 4 KiB, 2 MiB and 1 GiB. */
export const iommuPages = 0x4020_1000n

/** What an Intel IOMMU of 39 bits translates: all but the window of the interrupts. */
export const iovaRanges: readonly { readonly first: bigint; readonly last: bigint }[] = [
  { first: 0n, last: 0xfedf_ffffn },
  { first: 0xfef0_0000n, last: 0x7f_ffff_ffffn },
]

export function isTranslated(first: bigint, last: bigint): boolean {
  return iovaRanges.some((range) => first >= range.first && last <= range.last)
}

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
    iova_pgsizes: of.hasIommu ? iommuPages : anyPages,
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
  const dirty = { flags: 0, pgsize_bitmap: 4096n, max_dirty_bitmap_size: mostBitmapBytes }
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

/** The capability that lists ranges, but for its header. */
export function iovaRangeBody(list: typeof iovaRanges): Uint8Array {
  const ranges = list.map(({ first, last }) => encode(vfioIovaRange, { start: first, end: last }))
  const header = encode(vfioIommuType1InfoCapIovaRange, { nr_iovas: list.length })
  return new Uint8Array(Buffer.concat([header, ...ranges]))
}
