import { printable } from '../../base/units.ts'
import type { ProgramEnd } from '../../kernel/kernel.ts'

/**
 * End of a program that failed, with the last line that it wrote, as the end of a sentence. `timeoutMs` was its time.
 */
export function shownEnd(end: ProgramEnd, timeoutMs: number): string {
  const how = end.timedOut ? `did not end in ${timeoutMs / 1000} s` : `ended with ${end.status ?? 'a signal'}`
  const said = printable((end.stderr.trim() || end.stdout.trim()).split('\n').at(-1) ?? '')
  return said === '' ? how : `${how}: ${said}`
}
