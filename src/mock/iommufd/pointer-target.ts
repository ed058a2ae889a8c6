import type { IoctlPointer } from '../../kernel/kernel.ts'
import { Errno } from '../errno.ts'
import { memoryAt } from '../vfio/user-memory.ts'

/** The bytes that a pointer field of a struct points to. EFAULT where there are fewer; none are needed for `size` 0. */
export function targetOf(pointers: readonly IoctlPointer[], field: number, size: number): Uint8Array {
  if (size === 0) return new Uint8Array(0)
  const target = pointers.find(({ offset }) => offset === field)?.target
  if (target === undefined || target.length < size) throw new Errno('EFAULT')
  const bytes = target instanceof Uint8Array ? target : memoryAt(target, BigInt(target.length))
  if (bytes === null || bytes.length < size) throw new Errno('EFAULT')
  return bytes
}
