import { kernelAnswer } from '../base/errors.ts'
import { failedWith } from '../base/system-error.ts'
import type { HostFiles } from '../kernel/kernel.ts'

/** One file or sysfs node that could not be read as it should: the rest of a listing goes on without it. */
export interface Warning {
  readonly path: string
  readonly message: string
}

/** A warning for a path that could not be read, with the kernel's reason. */
export function unreadable(path: string, error: unknown): Warning {
  return { path, message: `cannot be read: ${kernelAnswer(error)}` }
}

/** The result of `read`; if it fails, `otherwise` and a warning with the path. A missing file is no warning. */
export function readOrWarn<T>(path: string, warnings: Warning[], otherwise: T, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (!failedWith(error, 'ENOENT')) warnings.push(unreadable(path, error))
    return otherwise
  }
}

/** The names in a folder; none if it is not there. One that cannot be listed is a warning with its path. */
export function listOrWarn(files: Pick<HostFiles, 'list'>, path: string, warnings: Warning[]): string[] {
  return readOrWarn(path, warnings, [], () => files.list(path))
}
