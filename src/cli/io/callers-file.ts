import { kernelAnswer, VfioError } from '../../base/errors.ts'
import { failedWith } from '../../base/system-error.ts'
import type { Io } from './io.ts'

/** The text of a file of the caller's own; `name` is how the command line says it. */
export function readCallersFile(path: string, name: string, io: Io, maxBytes?: number): string {
  try {
    return io.readFile(path, maxBytes)
  } catch (cause) {
    if (cause instanceof VfioError) throw cause
    const code = failedWith(cause, 'ENOENT')
      ? 'NOT_FOUND'
      : failedWith(cause, 'EACCES')
        ? 'PERMISSION_DENIED'
        : 'SYSTEM_CALL_FAILED'
    throw new VfioError(code, `cannot read ${name}: ${kernelAnswer(cause)}`, { cause, path })
  }
}
