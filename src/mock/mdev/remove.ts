import { Errno } from '../errno.ts'
import type { MockState } from '../state/state.ts'

/** Whether a write to `remove` asks for it: a number as kstrtoul(base 0) reads it, and not 0. EINVAL for anything else. */
export function parseRemove(bytes: Buffer): boolean {
  const [text = ''] = bytes.toString('latin1').split('\0', 1)
  const digits = /^\+?(0x[0-9a-f]+|0[0-7]*|[1-9][0-9]*)\n?$/i.exec(text)?.[1]
  if (digits === undefined) throw new Errno('EINVAL')
  const value = BigInt(/^0[0-7]/.test(digits) ? `0o${digits.slice(1)}` : digits)
  if (value >= 2n ** 64n) throw new Errno('EINVAL')
  return value !== 0n
}

/** From here on the device is gone for everyone but those who have it open, and for good once they let go. */
export function beginRemoval(draft: MockState, birth: string): void {
  const mdev = draft.mdevs.find((candidate) => candidate.birth === birth)
  if (mdev === undefined) throw new Errno('ENODEV')
  mdev.removing = true
}
