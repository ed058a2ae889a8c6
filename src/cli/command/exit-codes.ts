import type { ErrorCode } from '../../base/errors.ts'

/** Meaning of each exit status. The manual and the README show this table. */
export const exitMeanings: Readonly<Record<number, string>> = {
  0: 'done, or nothing to do',
  1: 'failed, or not all output could be written',
  2: 'the command line is wrong or ambiguous',
  3: 'something that was named does not exist',
  4: 'not permitted, or beyond a limit of this user',
  5: 'in use, or the IOMMU group is not viable, or another command is at work',
  6: 'no room left, or not supported by this kernel or device',
  10: 'something would change (--check)',
  11: 'doctor found a problem',
  130: 'interrupted',
}

const byCode: Readonly<Record<ErrorCode, number>> = {
  INVALID_ARGUMENT: 2,
  AMBIGUOUS: 2,
  OUT_OF_RANGE: 2,
  NOT_FOUND: 3,
  PERMISSION_DENIED: 4,
  DEVICE_BUSY: 5,
  GROUP_NOT_VIABLE: 5,
  STORE_LOCKED: 5,
  NO_INSTANCE_LEFT: 6,
  NOT_SUPPORTED: 6,
  MEMLOCK_EXCEEDED: 4,
  IOVA_IN_USE: 5,
  NO_HUGE_PAGES: 6,
  NO_IOVA_LEFT: 6,
  NO_MAPPING_LEFT: 6,
  NO_IOEVENTFD_LEFT: 6,
  INTERRUPTED: 130,
  ALREADY_EXISTS: 1,
  CLOSED: 1,
  ADDON_MISSING: 1,
  INVALID_DEFINITION: 1,
  INVALID_SETTING: 1,
  ATTRIBUTE_FAILED: 1,
  INVALID_SPEC: 2,
  APPLY_INCOMPLETE: 1,
  WOULD_CHANGE: 10,
  PROBLEM_FOUND: 11,
  NOT_CONFIRMED: 1,
  RESTORE_INCOMPLETE: 1,
  NOT_RECOVERED: 1,
  CALLOUT_REFUSED: 1,
  CALLOUT_FAILED: 1,
  IOVA_RESERVED: 1,
  PARTIAL_UNMAP: 1,
  NOT_ATTACHED: 1,
  DEVICE_MEMORY_GONE: 1,
  INTERRUPT_TIMEOUT: 1,
  TIMED_OUT: 1,
  MALFORMED_REPLY: 1,
  SYSTEM_CALL_FAILED: 1,
}

/** The exit status for an error's code. */
export function exitCode(code: ErrorCode): number {
  return byCode[code]
}
