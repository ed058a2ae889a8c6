import type { ProgramEnd } from '../../kernel/kernel.ts'

/** Errors of NVML (`nvmlReturn_t` in nvml.h), which are the exit statuses of nvidia-smi. */
const statuses = {
  INVALID_ARGUMENT: 2,
  NOT_SUPPORTED: 3,
  NOT_FOUND: 6,
  IN_USE: 19,
  INSUFFICIENT_RESOURCES: 23,
} as const

/** The name of one of them. */
export type NvmlError = keyof typeof statuses

/** Its words, at the end of a line of nvidia-smi. */
export const nvmlWords: Readonly<Record<NvmlError, string>> = {
  INVALID_ARGUMENT: 'Invalid Argument',
  NOT_SUPPORTED: 'Not Supported',
  NOT_FOUND: 'Not Found',
  IN_USE: 'In use by another client',
  INSUFFICIENT_RESOURCES: 'Insufficient Resources',
}

/** End of nvidia-smi, which writes what failed to its stdout. */
export function failed(error: NvmlError, stdout: string): ProgramEnd {
  return { status: statuses[error], timedOut: false, stdout, stderr: '' }
}

/** End of nvidia-smi that has done what it was told. */
export function done(stdout: string): ProgramEnd {
  return { status: 0, timedOut: false, stdout, stderr: '' }
}
