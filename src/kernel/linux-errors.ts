import { errnoMeaning, errnoNumber } from '../base/errno.ts'
import { isSystemError } from '../base/system-error.ts'

/** By number: what libuv has no name for, or another name than Linux's headers. */
const linuxNames = new Map(['EOPNOTSUPP', 'EUSERS', 'EBADFD'].map((name) => [-errnoNumber(name), name]))

/**
 * A failure of node:fs as the caller shall see it: the path as the caller gave it, without the moved root, and Linux's
 * own name of the error. Anything else is given back as it is.
 */
export function asCallers(error: unknown, path: string): unknown {
  if (!isSystemError(error)) return error
  const code = linuxNames.get(error.errno) ?? error.code
  if (code === error.code && error.path === path) return error
  const said = /^[^:]*: ([^,]*)/.exec(error.message)?.[1] ?? error.message
  // what was thrown in Linux's name says the call
  const meaning = code === error.code && !said.startsWith(error.syscall) ? said : errnoMeaning(code)
  const told = new Error(`${code}: ${meaning}, ${error.syscall} '${path}'`, { cause: error })
  return Object.assign(told, { errno: error.errno, code, syscall: error.syscall, path })
}
