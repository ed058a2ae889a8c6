import { asVfioError, VfioError } from './base/errors.ts'
import { checkArguments, type HostCall } from './host-arguments.ts'
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
  call: HostCall,
  [request, options]: readonly [unknown, Pick<ChangeOptions, 'signal'> | undefined],
  work: () => Promise<T>,
): Promise<T> {
  return calledLater(call, [request, options], async () => {
    if (options?.signal?.aborted === true) {
      throw new VfioError('INTERRUPTED', `${call}: interrupted before it was begun`)
    }
    return work()
  })
}
