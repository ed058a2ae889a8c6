import { counted } from '../../../base/units.ts'
import type { DoctorRequest } from './host-reader.ts'

const gibibyte = 2 ** 30

/** The memory that a guest with devices has locked. */
export interface MemoryToLock {
  readonly bytes: number
  /** With 1 GiB more, as libvirt adds, for what else is mapped: ROMs, queues, the memory of other devices. */
  readonly withRoom: number
  /** 'a guest of 32 GiB with 2 devices'. */
  readonly words: string
}

/**
 * All of the guest's memory, once for all devices in one address space. If the guest has an IOMMU of its own, each
 * device is in one of its own, and each locks what is mapped: all of it, at worst. Null if no guest is asked for.
 */
export function memoryToLock(
  { guestMemory, deviceCount, devices = [], viommu = false }: DoctorRequest,
  found: number,
): MemoryToLock | null {
  if (guestMemory === undefined) return null
  const count = deviceCount ?? Math.max(1, devices.length === 0 ? 1 : found)
  const bytes = guestMemory * (viommu ? count : 1)
  const many = counted(count, 'device')
  const own = viommu ? ' and an IOMMU of its own' : ''
  return { bytes, withRoom: bytes + gibibyte, words: `a guest of ${gibibytes(guestMemory)} with ${many}${own}` }
}

/** '32 GiB', '0.5 GiB', '0.008 GiB'. */
export function gibibytes(bytes: number): string {
  return `${Number((bytes / gibibyte).toPrecision(4))} GiB`
}
