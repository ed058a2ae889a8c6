// npm run bench [-- NODE…]: the library's calls side by side with C and with what Node has itself, on this machine and on
// real devices in the virtual machine; a spec file against mdevctl there; the mock, round after round; then the commands
// here, each NODE being the path of another Node to measure as well. Ends with 0 when all was measured, whatever it came
// to, and with 1 when something could not be.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { benchApply } from './bench/apply.mjs'
import { benchCalls } from './bench/calls.mjs'
import { benchCommands } from './bench/commands.mjs'
import { benchMock } from './bench/mock.mjs'
import { build } from './build.mjs'

const scratch = mkdtempSync(join(tmpdir(), 'vfioctl-bench-'))
try {
  await build()
  await benchCalls(scratch)
  await benchApply()
  benchMock()
  await benchCommands(scratch, [process.execPath, ...process.argv.slice(2)])
} catch (error) {
  console.error(`bench: ${error.stack}`)
  process.exitCode = 1
} finally {
  rmSync(scratch, { recursive: true, force: true })
}
