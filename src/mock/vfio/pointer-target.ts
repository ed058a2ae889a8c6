import type { IoctlPointer } from '../../kernel/kernel.ts'
import { Errno } from '../errno.ts'
import { bytesAt, pointerAt } from './user-memory.ts'

/** The bytes that a pointer field of a struct points to. EFAULT where there are fewer; none are needed for `size` 0. */
export function targetOf(pointers: readonly IoctlPointer[], field: number, size: number): Uint8Array {
  if (size === 0) return new Uint8Array(0)
  const bytes = bytesAt(pointerAt(pointers, field))
  if (bytes === null || bytes.length < size) throw new Errno('EFAULT')
  return bytes
}
