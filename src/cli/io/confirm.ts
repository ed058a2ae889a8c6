import { createInterface } from 'node:readline/promises'
import { isatty } from 'node:tty'

/** Asks for yes or no on the terminal; anything but yes, and an end of input, is no. Null where nobody sits there to ask. */
export function terminalConfirm(): ((question: string) => Promise<boolean>) | null {
  // process.stdin, once looked at, keeps whoever reads descriptor 0 from waiting
  if (!isatty(0) || !isatty(2)) return null
  return async (question) => {
    const lines = createInterface({ input: process.stdin, output: process.stderr })
    try {
      const ended = new Promise<string>((resolve) => void lines.once('close', () => resolve('')))
      return /^y(es)?$/i.test((await Promise.race([lines.question(`${question} [y/N] `), ended])).trim())
    } finally {
      lines.close()
    }
  }
}
