import { fstatSync } from 'node:fs'
import { kernelAnswer, VfioError } from '../../base/errors.ts'
import type { Io } from './io.ts'
import { OutputStream } from './output-stream.ts'
import { forTerminal, isPainted } from './paint.ts'
import { readBounded } from './user-file.ts'

/** Asks for yes or no on the terminal; anything but yes, and an end of input, is no; INTERRUPTED for Ctrl-C. */
async function confirm(question: string): Promise<boolean | null> {
  // Loaded only here: they cost the start of every command some of its time.
  const { isatty } = await import('node:tty')
  // process.stdin, once looked at, keeps whoever reads descriptor 0 from waiting
  if (!isatty(0) || !isatty(2)) return null
  const { createInterface } = await import('node:readline/promises')
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

/** The real process. */
export interface ProcessIo extends Io {
  /** The exit status, once all is said: a success of which something could not be said is none. */
  statusOf(status: number): number
}

/** The input and output of this process, which `program` started. */
export function processIo(program: readonly string[]): ProcessIo {
  const reader = new AbortController()
  const stdout = new OutputStream(1, () => reader.abort())
  const stderr = new OutputStream(2, () => {})
  const say = (text: string) => stderr.write(Buffer.from(`${shown(onOneLine(text), 2)}\n`))
  return {
    out: (text) => stdout.write(typeof text === 'string' ? Buffer.from(shown(text, 1)) : text),
    err: say,
    readFile: (path, maxBytes = 16 * 1024 * 1024) => readBounded(path, maxBytes),
    interruption,
    confirm,
    readerGone: reader.signal,
    width: () => (terminal(1) === null ? null : (process.stdout.columns ?? null)),
    program,
    caller: process.ppid,
    showPage: async (path, where) => (await import('./show-page.ts')).showPage(path, where),
    env: process.env,
    statusOf(status) {
      if (stdout.failure !== null) say(`vfioctl: cannot write to stdout: ${kernelAnswer(stdout.failure)}`)
      return stdout.failure === null && stderr.failure === null ? status : status || 1
    },
  }
}

function interruption(): AbortSignal {
  const interrupted = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => interrupted.abort())
  return interrupted.signal
}

/** A newline in a name makes no line of its own. */
function onOneLine(text: string): string {
  return text.replace(/\n$/, '').replaceAll('\n', '\\x0a')
}

/** Node's own stream, which knows the terminal's colours, takes a twentieth of a short command's time. */
function shown(text: string, fd: 1 | 2): string {
  return forTerminal(text, isPainted(text) ? terminal(fd) : null)
}

/** The major number of the kernel's memory devices (Documentation/admin-guide/devices.txt), as /dev/null is one. */
const memoryDevices = 1

function terminal(fd: 1 | 2): NodeJS.WritableStream | null {
  try {
    const status = fstatSync(fd)
    if (!status.isCharacterDevice() || status.rdev >> 8 === memoryDevices) return null
  } catch {
    return null
  }
  return fd === 1 ? process.stdout : process.stderr
}
