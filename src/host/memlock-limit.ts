import type { Kernel } from '../kernel/kernel.ts'
import { readIfAllowed } from './sysfs/readable.ts'

/** The memory that a process may lock, in bytes; null is unlimited. Mapping memory for a device locks it. */
export interface MemlockLimit {
  /** The soft limit of RLIMIT_MEMLOCK, which the kernel enforces. */
  readonly limit: number | null
  /** As far as the process may raise `limit` by itself. */
  readonly hardLimit: number | null
  /**
   * Locked now by the process. Under native iommufd the kernel counts by user: what the user's other processes have
   * locked comes on top, and is shown nowhere.
   */
  readonly locked: number
  /** The process has CAP_IPC_LOCK, and the kernel does not look at the limit. */
  readonly ignored: boolean
}

/** linux/capability.h */
const CAP_IPC_LOCK = 14n

/** From a process's limits and status in /proc; null if they do not say. */
export function memlockLimit({ files }: Pick<Kernel, 'files'>, process = 'self'): MemlockLimit | null {
  const limits = readIfAllowed(files, `/proc/${process}/limits`)
  const status = readIfAllowed(files, `/proc/${process}/status`)
  const [, soft, hard] = /^Max locked memory +(\d+|unlimited) +(\d+|unlimited) +bytes/m.exec(limits ?? '') ?? []
  if (soft === undefined || hard === undefined || status === null) return null
  // type1 counts as VmLck; native iommufd as VmPin, which is no part of VmLck there
  const locked = Math.max(kibibytes(status, 'VmLck'), kibibytes(status, 'VmPin'))
  return { limit: bytes(soft), hardLimit: bytes(hard), locked, ignored: hasIpcLock(status) }
}

function bytes(text: string): number | null {
  return text === 'unlimited' ? null : Number(text)
}

function kibibytes(status: string, name: string): number {
  const [, count] = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status) ?? []
  return Number(count ?? 0) * 1024
}

function hasIpcLock(status: string): boolean {
  const [, effective] = /^CapEff:\s+([0-9a-f]{1,16})$/m.exec(status) ?? []
  return effective !== undefined && ((BigInt(`0x${effective}`) >> CAP_IPC_LOCK) & 1n) === 1n
}
