import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

const script = join(import.meta.dirname, '../scripts/vm/debian.mjs')
const inCI = !['', 'false', '0'].includes(process.env['CI'] ?? '')

/** Installs packages of Debian that a test needs. Null, or why this machine cannot, where tests may be skipped. */
export function installed(...packages: readonly string[]): string | null {
  const { status, stderr } = spawnSync(process.execPath, [script, ...packages], { encoding: 'utf8' })
  if (status === 0) return null
  if (status === 77 && !inCI) return stderr.trim()
  throw new Error(stderr)
}
