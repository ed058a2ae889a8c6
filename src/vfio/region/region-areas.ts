import type { RegionCapability, RegionFlags } from '../../uapi/region.ts'

/** Bytes from `start` up to, not including, `end`, counted from the region's start. */
export interface Area {
  readonly start: number
  readonly end: number
}

/** The facts that decide which parts of a region can be mapped. */
export interface MappableRegion {
  readonly size: number
  readonly flags: RegionFlags
  /** The region's offset in the device's file. */
  readonly offset: bigint
  readonly capabilities: readonly RegionCapability[]
}

/**
 * The areas of a region that can be mapped, upwards, none overlapping; each can be mapped by itself. Each begins on a
 * page, and ends on one or with the region: the page that a smaller region ends in is mapped whole.
 *
 * Without the MMAP flag, none. With a sparse-mmap capability, what it lists; the kernel's word is cut to whole pages
 * inside the region. Without msix-mappable, the pages that hold the MSI-X table are left out, as mmap(2) would refuse.
 */
export function mappableAreas(region: MappableRegion, msixTable: Area | null, pageSize: number): Area[] {
  const { size, flags, offset, capabilities } = region
  if (!flags.mmap || offset % BigInt(pageSize) !== 0n) return []
  const sparse = capabilities.find((capability) => capability.name === 'sparse-mmap')
  const offered = sparse === undefined ? [{ start: 0, end: size }] : sparse.areas.map((area) => inside(area, size))
  const whole = offered.map(({ start, end }) => ({
    start: upTo(start, pageSize),
    end: end === size ? end : downTo(end, pageSize),
  }))
  const apart = withoutOverlap(whole)
  if (msixTable === null || capabilities.some(({ name }) => name === 'msix-mappable')) return apart
  return outside(apart, { start: downTo(msixTable.start, pageSize), end: upTo(msixTable.end, pageSize) })
}

/** The areas without the hole. */
export function outside(areas: readonly Area[], hole: Area): Area[] {
  return areas
    .flatMap(({ start, end }) => [
      { start, end: Math.min(end, hole.start) },
      { start: Math.max(start, hole.end), end },
    ])
    .filter(({ start, end }) => start < end)
}

function inside({ offset, size }: { offset: bigint; size: bigint }, limit: number): Area {
  const most = BigInt(limit)
  const end = offset + size
  return { start: Number(offset < most ? offset : most), end: Number(end < most ? end : most) }
}

function withoutOverlap(areas: readonly Area[]): Area[] {
  const apart: Area[] = []
  let reached = 0
  for (const { start, end } of areas.toSorted((a, b) => a.start - b.start || b.end - a.end)) {
    const from = Math.max(start, reached)
    if (from >= end) continue
    apart.push({ start: from, end })
    reached = end
  }
  return apart
}

function downTo(offset: number, pageSize: number): number {
  return offset - (offset % pageSize)
}

function upTo(offset: number, pageSize: number): number {
  return downTo(offset + pageSize - 1, pageSize)
}
