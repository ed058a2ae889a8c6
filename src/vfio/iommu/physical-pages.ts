import { VfioError } from '../../base/errors.ts'
import type { Kernel, Mapping } from '../../kernel/kernel.ts'
import { outOfMemory } from '../address-space/memlock-limit.ts'
import { attempt, type Reason } from '../calls/system-call.ts'
import type { Ioas } from './iommufd.ts'

/** An entry of /proc/PID/pagemap, one for each page of the address space (Documentation/admin-guide/mm/pagemap.rst). */
const present = 1n << 63n
const frameBits = (1n << 55n) - 1n

/** The page frame number; null if the page is not in memory, 0 if the reader may not know it. */
export function pageFrame(entry: bigint): bigint | null {
  return (entry & present) === 0n ? null : entry & frameBits
}

const notAllowed = {
  code: 'PERMISSION_DENIED',
  because: 'physical addresses are for root alone (CAP_SYS_ADMIN, CAP_SYS_RAWIO)',
  hint: 'run as root',
} as const satisfies Reason

/** The physical address of each page, from /proc/self/pagemap. */
export function pagemapPages(kernel: Kernel, memory: Mapping, offset: number, size: number): readonly bigint[] {
  const { pageSize } = kernel
  const entries = attempt(goalOf(size), () => kernel.pageFrames(memory, offset, size / pageSize), {
    ENOMEM: () => outOfMemory(kernel, BigInt(size)),
    EPERM: () => outOfMemory(kernel, BigInt(size)),
    EAGAIN: () => outOfMemory(kernel, BigInt(size)),
    EACCES: () => notAllowed,
  })
  return Array.from(entries, (entry, page) => {
    const frame = pageFrame(entry)
    if (frame === null) {
      throw new VfioError('MALFORMED_REPLY', `cannot ${goalOf(size)}: page ${page} is not in memory`, {
        facts: { page },
      })
    }
    if (frame === 0n)
      throw new VfioError('PERMISSION_DENIED', `cannot ${goalOf(size)}: ${notAllowed.because}`, notAllowed)
    return frame * BigInt(pageSize)
  })
}

/** The same from IOMMU_IOAS_NOIOMMU_GET_PA, which needs the memory in the IOAS; there it stays. */
export function noiommuPages(
  ioas: Ioas,
  pinned: Map<Mapping, Pinned>,
  memory: Mapping,
  offset: number,
  size: number,
): readonly bigint[] {
  const { kernel } = ioas.iommufd
  const pageSize = BigInt(kernel.pageSize)
  return attempt(
    goalOf(size),
    () => {
      const there = pinned.get(memory) ?? pin(ioas, memory)
      pinned.set(memory, there)
      const start = there.iova
      const pages: bigint[] = []
      const end = start + BigInt(offset + size)
      for (let at = start + BigInt(offset); at < end; ) {
        const { address, length } = ioas.physical(at, end - at)
        if (length <= 0n || length % pageSize !== 0n || length > end - at) throw broken(length)
        for (let page = 0n; page < length; page += pageSize) pages.push(address + page)
        at += length
      }
      return pages
    },
    { ENOMEM: () => outOfMemory(kernel, BigInt(memory.length)), EPERM: () => notAllowed },
  )
}

/** The place of memory in an IOAS. */
export interface Pinned {
  readonly iova: bigint
  readonly size: bigint
}

function pin(ioas: Ioas, memory: Mapping): Pinned {
  const size = memory.length
  return { iova: ioas.map({ memory, offset: 0, size, access: 'rw' }), size: BigInt(size) }
}

function goalOf(size: number): string {
  return `tell the physical addresses of ${size} bytes`
}

function broken(length: bigint): VfioError {
  return new VfioError('MALFORMED_REPLY', `the kernel says that ${length} bytes have one physical address`, {
    facts: { length: String(length) },
  })
}
