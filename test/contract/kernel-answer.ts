import { isSystemError } from '../../src/base/system-error.ts'

/** Answer of a call: its number, the errno's name, or 'never made' if the seam refused it before any kernel saw it. */
export function answerOf(call: () => number): number | string {
  try {
    return call()
  } catch (error) {
    if (isSystemError(error)) return error.code
    if (error instanceof RangeError) return 'never made'
    throw error
  }
}

/** Answer of a call of the kernel: the errno's name, or 'done'. */
export function errnoOf(call: () => unknown): string {
  try {
    call()
  } catch (error) {
    if (isSystemError(error)) return error.code
    throw error
  }
  return 'done'
}
