import { printable } from '../../base/units.ts'
import type { Warning } from '../../host/warning.ts'
import type { Io } from '../io/io.ts'
import { paint } from '../io/paint.ts'

/** What could not be read, one line each on stderr: the rest was shown. */
export function reportWarnings(warnings: readonly Warning[], io: Io): void {
  for (const { path, message } of warnings) {
    io.err(`${paint('yellow', 'warning:')} ${printable(path)} ${message}\n`)
  }
}
