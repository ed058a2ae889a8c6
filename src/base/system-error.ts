import { errnoNumber } from './errno.ts'

/**
 * A failed system call, in the shape of Node's own: `code` 'EBUSY', `errno` -16, `syscall` 'ioctl', `path` if it had
 * one.
 */
export interface SystemError extends Error {
  readonly code: string
  readonly errno: number
  readonly syscall: string
  readonly path?: string
}

/** True if an error is a failed system call, as node:fs and the addon throw it. */
export function isSystemError(error: unknown): error is SystemError {
  return (
    error instanceof Error &&
    'code' in error &&
    typeof error.code === 'string' &&
    'errno' in error &&
    typeof error.errno === 'number' &&
    'syscall' in error &&
    typeof error.syscall === 'string'
  )
}

/** The error of Node, and of the addon in its manner, for an argument that it does not take: no call was made. */
export function isArgumentError(error: unknown): error is Error {
  const codes = ['ERR_INVALID_ARG_VALUE', 'ERR_INVALID_ARG_TYPE', 'ERR_OUT_OF_RANGE', 'ERR_INVALID_STATE']
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && codes.includes(error.code)
}

/** True for a failed system call with one of these codes. */
export function failedWith(error: unknown, ...codes: readonly string[]): error is SystemError {
  return isSystemError(error) && codes.includes(error.code)
}

/** The error that a kernel which is not Linux throws in Linux's name. */
export function systemError(code: string, syscall: string, path?: string): SystemError {
  const where = path === undefined ? '' : ` '${path}'`
  return Object.assign(new Error(`${code}: ${syscall}${where}`), {
    code,
    errno: -errnoNumber(code),
    syscall,
    ...(path === undefined ? {} : { path }),
  })
}
