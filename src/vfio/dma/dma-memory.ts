import { VfioError } from '../../base/errors.ts'
import { formatSize, shown } from '../../base/units.ts'
import { readOrEmpty } from '../../host/sysfs/readable.ts'
import type { HostFiles, Kernel, Mapping } from '../../kernel/kernel.ts'
import type { AddressSpace } from '../address-space/address-space.ts'
import { attempt, type Reason } from '../calls/system-call.ts'

/** At least `size` bytes in whole pages, zeroed. Throws INVALID_ARGUMENT, NO_HUGE_PAGES. */
export function allocateMemory({ kernel, pageSize }: AddressSpace, size: number, huge: boolean): Mapping {
  const unit = huge ? Math.max(pageSize, kernel.hugePageSize) : pageSize
  const whole = typeof size === 'number' ? Math.ceil(size / unit) * unit : 0
  if (!Number.isSafeInteger(size) || size <= 0 || !Number.isSafeInteger(whole)) {
    throw new VfioError('INVALID_ARGUMENT', `${shown(size)} is not a number of bytes to allocate`)
  }
  const kind = huge ? 'hugepages' : 'anonymous'
  const noHugePages = (): Reason => tooFewHugePages(kernel, whole)
  return attempt(
    `allocate ${formatSize(whole)} of ${huge ? 'huge pages' : 'memory'}`,
    () => kernel.allocateMemory({ size: whole, kind }),
    huge ? { ENOMEM: noHugePages, EINVAL: noHugePages } : {},
  )
}

function tooFewHugePages({ files, hugePageSize }: Kernel, size: number): Reason {
  const hugePages = `/sys/kernel/mm/hugepages/hugepages-${hugePageSize / 1024}kB`
  const needed = size / hugePageSize
  const [free, total] = ['free_hugepages', 'nr_hugepages'].map((name) => count(files, `${hugePages}/${name}`))
  if (free === undefined || free === null || total === undefined || total === null) {
    return { code: 'NO_HUGE_PAGES', because: `this kernel has no huge pages of ${formatSize(hugePageSize)}` }
  }
  return {
    code: 'NO_HUGE_PAGES',
    because: `it takes ${needed} huge pages of ${formatSize(hugePageSize)}, and ${free} of the host's ${total} are free`,
    hint: `echo ${total - free + needed} > ${hugePages}/nr_hugepages`,
    facts: { needed, free, total },
  }
}

function count(files: HostFiles, path: string): number | null {
  const text = readOrEmpty(files, path).trim()
  return /^\d{1,15}$/.test(text) ? Number(text) : null
}
