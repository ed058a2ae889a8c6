import { kernelAnswer } from '../errors.ts'

/** One file or sysfs node that could not be read as it should: the rest of a listing goes on without it. */
export interface Warning {
  readonly path: string
  readonly message: string
}

export function unreadable(path: string, error: unknown): Warning {
  return { path, message: `cannot be read: ${kernelAnswer(error)}` }
}
