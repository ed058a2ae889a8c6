import { systemError } from '../../base/system-error.ts'

/** Failure of a call inside the mock, by its errno's name. `systemCall` makes a `SystemError` of it. */
export class Errno extends Error {
  readonly code: string

  constructor(code: string) {
    super(code)
    this.code = code
  }
}

/** Runs the inside of a system call; an `Errno` leaves it as the `SystemError` of that call. */
export function systemCall<T>(name: string, path: string | undefined, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw asSystemError(error, name, path)
  }
}

/** The error as node:fs throws it; what is no errno is handed back. */
export function asSystemError(error: unknown, name: string, path?: string): unknown {
  return error instanceof Errno ? systemError(error.code, name, path) : error
}
