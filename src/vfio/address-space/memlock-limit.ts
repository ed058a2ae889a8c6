import { formatSize } from '../../base/units.ts'
import { type MemlockLimit, memlockLimit } from '../../host/memlock-limit.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import type { Reason } from '../calls/system-call.ts'
import type { IommuMode } from './address-space.ts'

/**
 * The reason why the kernel refused to map `needed` more bytes with ENOMEM: MEMLOCK_EXCEEDED with needed, locked and
 * limit if the limit is passed, else that there is no memory. `mode`: in which it was refused; native iommufd holds
 * the limit against what all processes of the user have locked, so that it may be passed there with nothing locked
 * here.
 */
export function outOfMemory(kernel: Pick<Kernel, 'files'>, needed: bigint, mode: IommuMode | null = null): Reason {
  const memlock = memlockLimit(kernel)
  const isLimited = memlock !== null && !memlock.ignored && memlock.limit !== null
  if (isLimited && mode === 'iommufd') return userLimitPassed(memlock, needed)
  if (!isLimited || fits(memlock, needed)) {
    return {
      code: 'SYSTEM_CALL_FAILED',
      because: 'the kernel has no memory for it',
      ...(memlock === null ? {} : { facts: { needed: Number(needed), ...memlock } }),
    }
  }
  const { limit, locked } = memlock
  return {
    code: 'MEMLOCK_EXCEEDED',
    because: `it needs ${formatSize(Number(needed))} of locked memory, ${formatSize(locked)} are locked already, and the limit is ${formatSize(limit ?? 0)}`,
    hint: raisingHint(memlock, locked + Number(needed)),
    facts: { needed: Number(needed), ...memlock },
  }
}

/**
 * The kernel does not show what the others have, nor whether it was this limit or memory that there was too little of.
 */
function userLimitPassed(memlock: MemlockLimit, needed: bigint): Reason {
  const { limit, locked } = memlock
  const others = fits(memlock, needed) ? ', so others have the rest (or there is no memory left)' : ''
  return {
    code: 'MEMLOCK_EXCEEDED',
    because: `it needs ${formatSize(Number(needed))} of locked memory, and in mode iommufd the limit of ${formatSize(limit ?? 0)} is for all processes of this user together: this one has ${formatSize(locked)}${others}`,
    hint: raisingHint(memlock, Math.max(locked + Number(needed), (limit ?? 0) + Number(needed))),
    facts: { needed: Number(needed), ...memlock, countedBy: 'user' },
  }
}

function raisingHint({ hardLimit }: MemlockLimit, inAll: number): string {
  const raise = Math.ceil(inAll / 1024)
  return hardLimit === null || hardLimit >= inAll
    ? `ulimit -l ${raise} before starting (in KiB), or call dma.raiseMemlock()`
    : `ulimit -l ${raise} as root (in KiB), LimitMEMLOCK= of the systemd unit, or setcap cap_ipc_lock+ep on the program`
}

function fits({ limit, locked }: MemlockLimit, needed: bigint): boolean {
  return limit === null || BigInt(locked) + needed <= BigInt(limit)
}
