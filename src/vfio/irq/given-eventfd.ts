import { linkOrEmpty } from '../../host/sysfs/readable.ts'
import type { Descriptor } from '../calls/descriptor.ts'
import type { Reason } from '../calls/system-call.ts'

/**
 * The first of these descriptors that is no eventfd as far as /proc knows: the kernel does not say which it refused.
 */
export function otherThanEventfd({ kernel: { files, pid } }: Descriptor, fds: readonly number[]): number | null {
  return fds.find((fd) => linkOrEmpty(files, `/proc/${pid}/fd/${fd}`) !== 'anon_inode:[eventfd]') ?? null
}

/** `fd` is the one that is not, null if that is not known; `given` are all that were given. */
export function notAnEventfd(fd: number | null, given: readonly number[]): Reason {
  return {
    code: 'INVALID_ARGUMENT',
    because: `${fd ?? given.join(', ')} is not an open eventfd`,
    facts: { eventfds: given },
  }
}
