import { VfioError } from '../../base/errors.ts'
import { type MemlockLimit, memlockLimit } from '../../host/memlock-limit.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { raiseSoftMemlock } from '../../kernel/soft-memlock.ts'

/**
 * Raises the soft limit on locked memory to the hard limit, for this process and what it starts from here on. Resolves
 * with the limit as it is then; if there is nothing to raise, nothing happens. Throws NOT_SUPPORTED if the limit
 * cannot be known or changed.
 */
export async function raiseMemlockLimit(kernel: Kernel): Promise<MemlockLimit> {
  const before = memlockLimit(kernel)
  if (before === null) throw new VfioError('NOT_SUPPORTED', 'this kernel does not tell its limit on locked memory')
  if (before.limit === before.hardLimit) return before
  const wanted = before.hardLimit ?? 'unlimited'
  const hint = `prlimit --pid=${kernel.pid} --memlock=${wanted}:`
  const failed = (why: string, cause?: unknown): VfioError =>
    new VfioError('NOT_SUPPORTED', `cannot raise the limit on locked memory to ${wanted}: ${why}`, {
      hint,
      facts: { ...before },
      cause,
    })
  try {
    await raiseSoftMemlock(kernel, before.hardLimit)
  } catch (error) {
    throw failed(error instanceof Error ? error.message : String(error), error)
  }
  const after = memlockLimit(kernel) ?? before
  if (after.limit !== before.hardLimit) throw failed('it stays as it was')
  return after
}
