import { type Definition, parseDefinition, type StartMode } from '../../lifecycle/definition/definition.ts'
import { usageError } from '../command/command.ts'
import type { Io } from '../io/io.ts'
import { readCallersFile } from '../io/user-file.ts'

/** The definition in the caller's own `--jsonfile`; null if none is given. */
export function readDefinitionFile(path: string | undefined, io: Io): Definition | null {
  if (path === undefined) return null
  return parseDefinition(readCallersFile(path, `--jsonfile ${path}`, io), path)
}

/** `--jsonfile` says all of a definition; what would say a part of it again is refused. */
export function refuseBeside(jsonfile: string | undefined, others: Readonly<Record<string, unknown>>): void {
  if (jsonfile === undefined) return
  const given = Object.entries(others).find(([, value]) => value !== undefined && value !== false)
  if (given !== undefined) throw usageError(`--${given[0]} and --jsonfile exclude each other`)
}

/** The start mode that `--auto` or `--manual` asks for; undefined if neither is given. */
export function startMode({
  auto,
  manual,
}: {
  readonly auto: boolean
  readonly manual: boolean
}): StartMode | undefined {
  if (auto && manual) throw usageError('--auto and --manual exclude each other')
  if (auto) return 'auto'
  return manual ? 'manual' : undefined
}
