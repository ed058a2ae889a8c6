// Preloaded by sanitize.mjs into every Node process of a run: lets LeakSanitizer have its look at the end. vitest ends
// its test processes with SIGTERM, and with SIGKILL half a second later; the look takes longer.
import { ChildProcess } from 'node:child_process'

// The C library's exit; vitest replaces process.exit.
process.on('SIGTERM', () => process.reallyExit(0))

const kill = ChildProcess.prototype.kill
ChildProcess.prototype.kill = function (signal) {
  return signal === 'SIGKILL' ? true : kill.call(this, signal)
}
