import { errnoMeaning } from './errno.ts'
import { isArgumentError, isSystemError } from './system-error.ts'

/** Stable names for what went wrong. The command line's exit codes are made from them (`cli/exit-codes.ts`). */
export type ErrorCode =
  | 'INVALID_ARGUMENT'
  | 'AMBIGUOUS'
  | 'NOT_FOUND'
  | 'ALREADY_EXISTS'
  | 'PERMISSION_DENIED'
  | 'DEVICE_BUSY'
  | 'GROUP_NOT_VIABLE'
  | 'NO_INSTANCE_LEFT'
  | 'NOT_SUPPORTED'
  | 'OUT_OF_RANGE'
  | 'CLOSED'
  | 'ADDON_MISSING'
  | 'INVALID_DEFINITION'
  | 'INVALID_SETTING'
  | 'STORE_LOCKED'
  | 'ATTRIBUTE_FAILED'
  | 'INVALID_SPEC'
  | 'APPLY_INCOMPLETE'
  | 'WOULD_CHANGE'
  | 'PROBLEM_FOUND'
  | 'NOT_CONFIRMED'
  | 'RESTORE_INCOMPLETE'
  | 'NOT_RECOVERED'
  | 'CALLOUT_REFUSED'
  | 'CALLOUT_FAILED'
  | 'INTERRUPTED'
  | 'IOVA_IN_USE'
  | 'IOVA_RESERVED'
  | 'PARTIAL_UNMAP'
  | 'MEMLOCK_EXCEEDED'
  | 'NO_HUGE_PAGES'
  | 'NO_IOVA_LEFT'
  | 'NO_MAPPING_LEFT'
  | 'NO_IOEVENTFD_LEFT'
  | 'NOT_ATTACHED'
  | 'DEVICE_MEMORY_GONE'
  | 'INTERRUPT_TIMEOUT'
  | 'TIMED_OUT'
  | 'MALFORMED_REPLY'
  | 'SYSTEM_CALL_FAILED'

/** A value that JSON can hold. */
export type Fact = string | number | boolean | null | readonly Fact[] | { readonly [name: string]: Fact }

/** The details of an error, beside its code and message. */
export interface ErrorDetails {
  /** A command that helps, or what to look at. */
  readonly hint?: string
  /** The facts behind the error (`type`, `siblings`, `users`, `needed`, `limit`…). */
  readonly facts?: Readonly<Record<string, Fact>>
  /** The error behind it. Its errno, syscall and path are taken over if it is a failed system call. */
  readonly cause?: unknown
  readonly path?: string
}

/** The one error class of this package: what was tried on what, what the kernel answered, and what helps. */
export class VfioError extends Error {
  override readonly name = 'VfioError'
  readonly code: ErrorCode
  readonly hint: string | null
  readonly facts: Readonly<Record<string, Fact>>
  /** The kernel's own answer: 'EBUSY' and 16, from which call, on which path; null if no call failed. */
  readonly errno: string | null
  readonly errnoNumber: number | null
  readonly syscall: string | null
  readonly path: string | null

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.code = code
    this.hint = details.hint ?? null
    this.facts = details.facts ?? {}
    const system = isSystemError(details.cause) ? details.cause : null
    this.errno = system?.code ?? null
    this.errnoNumber = system === null ? null : Math.abs(system.errno)
    this.syscall = system?.syscall ?? null
    this.path = details.path ?? system?.path ?? null
  }
}

/** The same error with more said at its end; code, errno, path, hint and facts stay, or are added to. */
export function withMore(
  error: VfioError,
  said: string,
  {
    code = error.code,
    hint = error.hint ?? undefined,
    facts = {},
  }: Pick<ErrorDetails, 'hint' | 'facts'> & { readonly code?: ErrorCode } = {},
): VfioError {
  return new VfioError(code, `${error.message}; ${said}`, {
    cause: error.cause ?? error,
    ...(hint === undefined ? {} : { hint }),
    ...(error.path === null ? {} : { path: error.path }),
    facts: { ...error.facts, ...facts },
  })
}

/** One of ours as it is; of a failed system call that nobody worded, what was tried; of any other, what it says. */
export function asVfioError(error: unknown): VfioError {
  if (error instanceof VfioError) return error
  if (!isSystemError(error)) {
    return new VfioError(isArgumentError(error) ? 'INVALID_ARGUMENT' : 'SYSTEM_CALL_FAILED', kernelAnswer(error), {
      cause: error,
    })
  }
  const { code, syscall, path } = error
  const denied = code === 'EACCES' || code === 'EPERM'
  const on = path === undefined ? '' : ` ${path}`
  return new VfioError(
    denied ? 'PERMISSION_DENIED' : 'SYSTEM_CALL_FAILED',
    `cannot ${tried[syscall] ?? syscall}${on}: ${kernelAnswer(error)}`,
    { cause: error, ...(path === undefined ? {} : { hint: `ls -ld ${path}` }) },
  )
}

/** The mistake of a program that `asVfioError` had nothing to say of; null for an error that says what happened. */
export function mistakeIn(error: VfioError): Error | null {
  const { cause, hint } = error
  if (!(cause instanceof Error) || cause instanceof VfioError || isSystemError(cause)) return null
  return hint === null && error.message === kernelAnswer(cause) ? cause : null
}

/** System calls whose names say little to people. */
const tried: Readonly<Record<string, string>> = {
  open: 'read',
  scandir: 'list',
  lstat: 'look at',
  stat: 'look at',
  readlink: 'read the link',
  unlink: 'delete',
  rmdir: 'delete',
  mkdir: 'make',
  flock: 'lock',
  tryLock: 'lock',
}

/** The answer of a failed call, for the end of a sentence: 'permission denied (EACCES)'. */
export function kernelAnswer(error: unknown): string {
  if (isSystemError(error)) return `${errnoMeaning(error.code)} (${error.code})`
  return error instanceof Error ? error.message : String(error)
}
