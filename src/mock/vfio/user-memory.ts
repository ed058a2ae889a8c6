import type { IoctlPointer } from '../../kernel/kernel.ts'
import { isPageMemory } from '../memory.ts'

type Target = IoctlPointer['target']

/** Any page-aligned address in the lower half. */
const somewhere = 0x7f00_0000_0000n

/** An address for what a pointer names: aligned to pages as the memory is. Heap memory is aligned to nothing. */
export function addressOf(target: Target): bigint {
  if (!(target instanceof Uint8Array)) return somewhere
  return somewhere + BigInt(isPageMemory(target.buffer) ? target.byteOffset : target.byteOffset + 16)
}

/** The bytes that a device gets to reach; null where the process has no memory there. Of device memory, nothing. */
export function memoryAt(target: Target | undefined, size: bigint): Uint8Array | null {
  if (target === undefined || size > BigInt(target.length)) return null
  const bytes = target instanceof Uint8Array ? target : memoryView(target)
  return bytes.subarray(0, Number(size))
}

function memoryView(target: Exclude<Target, Uint8Array>): Uint8Array {
  try {
    return target.view()
  } catch {
    return new Uint8Array(0)
  }
}
