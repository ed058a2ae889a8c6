import { Errno } from '../base/errno.ts'
import { kstrtoull } from '../base/kstrto.ts'
import type { MockState } from '../state/state.ts'

/** Whether a write to `remove` asks for it: any number but 0. EINVAL for anything else. */
export function parseRemove(bytes: Buffer): boolean {
  return kstrtoull(bytes, { base: 0, bits: 64, tooLarge: 'EINVAL' }) !== 0n
}

/** From here on the device is gone for everyone but those who have it open, and for good once they let go. */
export function beginRemoval(draft: MockState, birth: string): void {
  const mdev = draft.mdevs.find((candidate) => candidate.birth === birth)
  if (mdev === undefined) throw new Errno('ENODEV')
  mdev.removing = true
}
