import { isSystemError } from '../../src/base/system-error.ts'

/** What a call of the kernel answers: the errno's name, or 'done'. */
export function errnoOf(call: () => unknown): string {
  try {
    call()
  } catch (error) {
    if (isSystemError(error)) return error.code
    throw error
  }
  return 'done'
}
