import type { Reason, Reasons } from '../system-call.ts'

/** Why a node under /dev/vfio may not be opened. */
export function nodePermission(path: string): Reasons {
  const denied = (): Reason => ({
    code: 'PERMISSION_DENIED',
    because: `${path} belongs to another user`,
    hint: `run as root, or: sudo chown $USER ${path}`,
  })
  return { EACCES: denied, EPERM: denied }
}
