import { type ErrorDetails, kernelAnswer, VfioError } from '../../base/errors.ts'
import { failedWith } from '../../base/system-error.ts'

/** Of a change that root alone may make. */
export function isDenied(cause: unknown): boolean {
  return failedWith(cause, 'EACCES', 'EPERM')
}

/**
 * The error for a change to the host that the kernel refused; `tried` begins its message. PERMISSION_DENIED, with the
 * hint to be root, or else SYSTEM_CALL_FAILED with the hint given.
 */
export function refusedByKernel(
  tried: string,
  cause: unknown,
  { hint, ...details }: Omit<ErrorDetails, 'cause' | 'hint'> & { readonly hint: string },
): VfioError {
  const denied = isDenied(cause)
  return new VfioError(denied ? 'PERMISSION_DENIED' : 'SYSTEM_CALL_FAILED', `${tried}: ${kernelAnswer(cause)}`, {
    ...details,
    cause,
    hint: denied ? 'only root may: sudo vfioctl …' : hint,
  })
}
