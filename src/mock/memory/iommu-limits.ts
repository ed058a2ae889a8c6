import { vfioIommuType1InfoCapIovaRange, vfioIovaRange } from '../../uapi/container.ts'
import { encode } from '../../uapi/struct.ts'
import type { KernelTraits } from '../base/kernel-traits.ts'

/** Page sizes of an Intel IOMMU, a bit each: 4 KiB, 2 MiB and 1 GiB. */
const iommuPages = 0x4020_1000n

/**
 * The sizes that can be mapped, a bit each: of an IOMMU those from the kernel's page on, with that page itself; every
 * multiple of the page if no IOMMU stands behind a device to say otherwise.
 */
export function pageSizeBitmap({ pageSize }: Pick<KernelTraits, 'pageSize'>, hasIommu: boolean): bigint {
  const multiples = BigInt.asUintN(64, -BigInt(pageSize))
  return hasIommu ? (iommuPages & multiples) | BigInt(pageSize) : multiples
}

/** IOVA ranges that an Intel IOMMU of 39 bits translates: all but the window of the interrupts. */
export const iovaRanges: readonly { readonly first: bigint; readonly last: bigint }[] = [
  { first: 0n, last: 0xfedf_ffffn },
  { first: 0xfef0_0000n, last: 0x7f_ffff_ffffn },
]

/** True if the simulated IOMMU translates all of a range. */
export function isTranslated(first: bigint, last: bigint): boolean {
  return iovaRanges.some((range) => first >= range.first && last <= range.last)
}

/** The capability that lists ranges, but for its header. */
export function iovaRangeBody(list: typeof iovaRanges): Uint8Array {
  const ranges = list.map(({ first, last }) => encode(vfioIovaRange, { start: first, end: last }))
  const header = encode(vfioIommuType1InfoCapIovaRange, { nr_iovas: list.length })
  return new Uint8Array(Buffer.concat([header, ...ranges]))
}
