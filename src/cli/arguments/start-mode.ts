import type { StartMode } from '../../lifecycle/definition/definition.ts'
import { usageError } from '../command.ts'

/** What `--auto` and `--manual` ask for; undefined where neither is given. */
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
