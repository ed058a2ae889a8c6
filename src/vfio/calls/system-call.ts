import { type ErrorCode, type Fact, kernelAnswer, VfioError } from '../../base/errors.ts'
import { failedWith, isArgumentError, isSystemError } from '../../base/system-error.ts'

/** The meaning of an errno for one particular call, in the user's terms. */
export interface Reason {
  readonly code: ErrorCode
  readonly because: string
  readonly hint?: string
  readonly facts?: Readonly<Record<string, Fact>>
}

/** Reasons by errno name; made only when needed, as some look around for the culprit. */
export type Reasons = Readonly<Record<string, () => Reason>>

/**
 * Runs one system call; `goal` says what it is for ('open group 5'). A failed call becomes a VfioError with the reason
 * listed for its errno, SYSTEM_CALL_FAILED without one.
 */
export function attempt<T>(goal: string, call: () => T, reasons: Reasons = {}): T {
  try {
    return call()
  } catch (error) {
    throw callFailed(goal, error, reasons)
  }
}

/** The same of a call off the event loop. */
export async function attemptLater<T>(goal: string, call: () => Promise<T>, reasons: Reasons = {}): Promise<T> {
  try {
    return await call()
  } catch (error) {
    throw callFailed(goal, error, reasons)
  }
}

/** The same of a call that is a question: one of these errno names says no, and `no` is the answer then. */
export function askOr<T, No>(goal: string, call: () => T, refusals: readonly string[], no: No): T | No {
  try {
    return call()
  } catch (error) {
    if (failedWith(error, ...refusals)) return no
    throw callFailed(goal, error)
  }
}

/** The error for a call that failed, or was refused for an argument; what is neither is handed back as it is. */
export function callFailed(goal: string, error: unknown, reasons: Reasons = {}): unknown {
  if (isArgumentError(error)) {
    return new VfioError('INVALID_ARGUMENT', `cannot ${goal}: ${error.message}`, { cause: error })
  }
  if (!isSystemError(error)) return error
  const reason = reasons[error.code]?.()
  const because = reason === undefined ? '' : `${reason.because}: `
  return new VfioError(reason?.code ?? 'SYSTEM_CALL_FAILED', `cannot ${goal}: ${because}${kernelAnswer(error)}`, {
    ...(reason?.hint === undefined ? {} : { hint: reason.hint }),
    ...(reason?.facts === undefined ? {} : { facts: reason.facts }),
    cause: error,
  })
}
