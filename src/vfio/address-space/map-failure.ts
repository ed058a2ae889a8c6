import { VfioError } from '../../base/errors.ts'
import { failedWith } from '../../base/system-error.ts'
import { counted, hex } from '../../base/units.ts'
import { readOrEmpty } from '../../host/sysfs/readable.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import { callFailed, type Reason } from '../calls/system-call.ts'
import type { AddressSpace, IovaRange, MapRequest } from './address-space.ts'
import type { MappedRanges } from './mapped-ranges.ts'
import { outOfMemory } from './memlock-limit.ts'

/** Past the last address of 64 bits. */
const end = 1n << 64n
const limitFile = '/sys/module/vfio_iommu_type1/parameters/dma_entry_limit'

/** The error for a map that the kernel refused: one meaning whatever errno this mode and this kernel give for it. */
export function mapFailed(space: AddressSpace, mapped: MappedRanges, request: MapRequest, error: unknown): unknown {
  const { iova, size } = request
  const goal = `map ${hex(size)} bytes at ${hex(iova)}`
  return callFailed(goal, error, {
    EEXIST: () => inUse(mapped, iova, BigInt(size)),
    EOVERFLOW: () => reserved(space, iova, BigInt(size)),
    // reserved addresses, the end of the aperture, and before 6.19 the end of 64 bits
    EINVAL: () => reserved(space, iova, BigInt(size)),
    ENOMEM: () => outOfMemory(space.kernel, BigInt(size), space.mode),
    ENOSPC: () => noneLeft(space.kernel.files, mapped.count),
    EFAULT: () => ({
      code: 'NOT_SUPPORTED',
      because: 'the kernel cannot pin this memory',
      hint: 'iommufd takes memory of a device since Linux 6.19, with CONFIG_VFIO_PCI_DMABUF; a type1 container any: { iommu: "type1v2" }',
    }),
  })
}

/** The same for an unmap; those that cut a mapping never get here. */
export function unmapFailed(space: AddressSpace, iova: bigint, size: bigint, error: unknown): unknown {
  const wraps = iova + size > end
  const goal = `unmap ${hex(size)} bytes at ${hex(iova)}`
  if (wraps && failedWith(error, 'EINVAL', 'EOVERFLOW')) {
    return callFailed(goal, error, {
      EINVAL: () => reserved(space, iova, size),
      EOVERFLOW: () => reserved(space, iova, size),
    })
  }
  return callFailed(goal, error)
}

/**
 * The error for a map that VFIO's own container would take and lose: before Linux 6.19 an end of 2^64 counts as 0, so
 * that no unmap finds the mapping, nor, from then on, others of the container. Null for every other.
 */
export function mapLost({ iova, size }: Pick<MapRequest, 'iova' | 'size'>): VfioError | null {
  if (iova + BigInt(size) !== end) return null
  return new VfioError(
    'IOVA_RESERVED',
    `cannot map ${hex(size)} bytes at ${hex(iova)}: they end where 64 bits do, and a kernel before Linux 6.19 would ` +
      'never find a mapping of the container again',
    { hint: 'map at least a page below, or by iommufd: { iommu: "iommufd" }' },
  )
}

function inUse(mapped: MappedRanges, iova: bigint, size: bigint): Reason {
  const there = mapped.overlapping(iova, size)
  return {
    code: 'IOVA_IN_USE',
    because: there === null ? 'something is mapped there' : `${hex(there.size)} bytes are mapped at ${hex(there.iova)}`,
    facts: there === null ? {} : { mapping: { iova: hex(there.iova), size: hex(there.size) } },
  }
}

function reserved(space: AddressSpace, iova: bigint, size: bigint): Reason {
  const ranges = space.ranges()
  const facts = { ranges: ranges.map(({ first, last }) => ({ first: hex(first), last: hex(last) })) }
  const wraps = iova + size > end
  const fits = ranges.some(({ first, last }) => first <= iova && iova + size - 1n <= last)
  if (fits && !wraps) return { code: 'SYSTEM_CALL_FAILED', because: 'the kernel takes no such mapping', facts }
  return {
    code: 'IOVA_RESERVED',
    because: wraps ? 'that goes past the end of 64 bits' : `the IOMMU maps only ${rangesText(ranges)}`,
    hint: 'addressSpace.ranges() says where mappings may lie',
    facts,
  }
}

function rangesText(ranges: readonly IovaRange[]): string {
  return ranges.map(({ first, last }) => `${hex(first)} to ${hex(last)}`).join(', ') || 'nothing'
}

function noneLeft(files: HostFiles, mappings: number): Reason {
  const limit = entryLimit(files)
  return {
    code: 'NO_MAPPING_LEFT',
    because:
      limit === null
        ? `the container takes no more than its ${counted(mappings, 'mapping')}`
        : `the container takes ${counted(limit, 'mapping')}`,
    hint: `map larger pieces, or: echo 262144 > ${limitFile}, before the container is opened`,
    facts: { mappings, limit },
  }
}

function entryLimit(files: HostFiles): number | null {
  const text = readOrEmpty(files, limitFile).trim()
  return /^\d{1,10}$/.test(text) ? Number(text) : null
}

/** For a mode in which the devices' addresses are physical. */
export function nothingTranslates(verb: string): VfioError {
  return new VfioError('NOT_SUPPORTED', `cannot ${verb}: without an IOMMU, a device's addresses are physical`, {
    hint: 'give the device the addresses of addressSpace.physicalPages()',
  })
}

/** For a mode in which they are not. */
export function notPhysical(mode: string): VfioError {
  return new VfioError('NOT_SUPPORTED', `physical addresses mean nothing to a device behind an IOMMU (${mode})`, {
    hint: 'map the memory and give the device its IOVA',
  })
}
