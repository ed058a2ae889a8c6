import type { IoctlPointer } from '../../kernel/kernel.ts'
import { isPageMemory } from '../memory.ts'

type Target = IoctlPointer['target']

/** Any page-aligned address in the lower half. */
const somewhere = 0x7f00_0000_0000n

/** An address for what a pointer names. What is not pages of its own is lent as a copy, which begins on a page. */
export function addressOf(target: Target): bigint {
  const isPartOfPages = target instanceof Uint8Array && isPageMemory(target.buffer)
  return isPartOfPages ? somewhere + BigInt(target.byteOffset) : somewhere
}

/**
 * The bytes that a device gets to reach: of a lent copy, which is gone after the call, those it had, and of device
 * memory none. Null where the process has no memory there.
 */
export function memoryAt(target: Target | undefined, size: bigint): Uint8Array | null {
  if (target === undefined || size > BigInt(target.length)) return null
  if (!(target instanceof Uint8Array)) return viewOf(target).subarray(0, Number(size))
  return isPageMemory(target.buffer) ? target.subarray(0, Number(size)) : target.slice(0, Number(size))
}

function viewOf(target: Exclude<Target, Uint8Array>): Uint8Array {
  try {
    return target.view()
  } catch {
    return new Uint8Array(0)
  }
}
