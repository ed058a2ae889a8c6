import { createInterface } from 'node:readline/promises'
import { isatty } from 'node:tty'
import { VfioError } from '../../base/errors.ts'

/** Asks for yes or no on the terminal; anything but yes, and an end of input, is no; INTERRUPTED for Ctrl-C. Null where nobody sits there to ask. */
export function terminalConfirm(): ((question: string) => Promise<boolean>) | null {
  // process.stdin, once looked at, keeps whoever reads descriptor 0 from waiting
  if (!isatty(0) || !isatty(2)) return null
  return async (question) => {
    const lines = createInterface({ input: process.stdin, output: process.stderr })
    try {
      const ended = new Promise<string>((resolve, reject) => {
        lines.once('close', () => resolve(''))
        // the terminal hands Ctrl-C on as a key while it is read by lines
        lines.once('SIGINT', () => reject(new VfioError('INTERRUPTED', 'interrupted while asking: nothing is changed')))
      })
      return /^y(es)?$/i.test((await Promise.race([lines.question(`${question} [y/N] `), ended])).trim())
    } finally {
      lines.close()
    }
  }
}
