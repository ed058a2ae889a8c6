import { asVfioError, VfioError } from './base/errors.ts'
import { checkArguments, type HostCall } from './host-arguments.ts'
import type { Kernel } from './kernel/kernel.ts'
import type { ChangeOptions } from './lifecycle/change/change.ts'

/** Runs a method on arguments that are checked first. Whatever fails is thrown as a VfioError. */
export function called<T>(call: HostCall, given: readonly unknown[], work: () => T): T {
  checkArguments(call, given)
  try {
    return work()
  } catch (error) {
    throw asVfioError(error)
  }
}

/** The same for a method whose answer comes later. */
export async function calledLater<T>(call: HostCall, given: readonly unknown[], work: () => Promise<T>): Promise<T> {
  checkArguments(call, given)
  try {
    return await work()
  } catch (error) {
    throw asVfioError(error)
  }
}

/** The same for a method that changes the host: INTERRUPTED, and nothing is done, if it was aborted before. */
export async function changing<T>(
  kernel: Kernel,
  call: HostCall,
  [request, options]: readonly [unknown, Pick<ChangeOptions, 'signal'> | undefined],
  work: () => Promise<T>,
): Promise<T> {
  return calledLater(call, [request, options], async () => {
    checkCanChange(kernel, call)
    if (options?.signal?.aborted === true) {
      throw new VfioError('INTERRUPTED', `${call}: interrupted before it was begun`)
    }
    return work()
  })
}

/**
 * Throws NOT_SUPPORTED for a host that was recorded: of it, nothing can be changed, nor what would be changed be told.
 */
export function checkCanChange({ recorded }: Kernel, call: HostCall): void {
  if (!recorded) return
  throw new VfioError('NOT_SUPPORTED', `cannot ${call}: what was recorded of a host can be read, and not changed`, {
    hint: 'run it on that host, or on a simulated one: --mock demo',
  })
}
