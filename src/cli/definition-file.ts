import { kernelAnswer, VfioError } from '../errors.ts'
import { failedWith } from '../kernel/system-error.ts'
import { type Definition, parseDefinition } from '../lifecycle/definition.ts'
import { usageError } from './command.ts'
import type { Io } from './io.ts'

/** The definition in the caller's own `--jsonfile`; null where none is given. */
export function readDefinitionFile(path: string | undefined, io: Io): Definition | null {
  if (path === undefined) return null
  let json: string
  try {
    json = io.readFile(path)
  } catch (error) {
    const code = failedWith(error, 'ENOENT')
      ? 'NOT_FOUND'
      : failedWith(error, 'EACCES')
        ? 'PERMISSION_DENIED'
        : 'SYSTEM_CALL_FAILED'
    throw new VfioError(code, `cannot read --jsonfile ${path}: ${kernelAnswer(error)}`, { cause: error, path })
  }
  return parseDefinition(json, path)
}

/** `--jsonfile` says all of a definition; what would say a part of it again is refused. */
export function refuseBeside(jsonfile: string | undefined, others: Readonly<Record<string, unknown>>): void {
  if (jsonfile === undefined) return
  const given = Object.entries(others).find(([, value]) => value !== undefined && value !== false)
  if (given !== undefined) throw usageError(`--${given[0]} and --jsonfile exclude each other`)
}
