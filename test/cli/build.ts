import { execFileSync } from 'node:child_process'
import { join } from 'node:path'

/** Before the tests of the command line: what they run is built from the sources as they are. */
export function setup(): void {
  execFileSync(process.execPath, [join(import.meta.dirname, '../../scripts/build.mjs')], { stdio: 'inherit' })
}
