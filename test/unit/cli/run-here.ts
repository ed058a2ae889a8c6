import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Io } from '../../../src/cli/io/io.ts'
import { forTerminal } from '../../../src/cli/io/paint.ts'
import { readBounded } from '../../../src/cli/io/user-file.ts'
import { run } from '../../../src/cli/run.ts'

/** What a command line said, and how it ended. */
export interface Said {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

/** A folder for the state of simulated hosts. */
export function stateFolder(): string {
  return mkdtempSync(join(tmpdir(), 'vfioctl-run-'))
}

/** Runs a command line in this process; simulated hosts keep their state in `folder`. */
export async function runHere(words: readonly string[], folder: string): Promise<Said> {
  const [stdout, stderr]: [string[], string[]] = [[], []]
  const io: Io = {
    out: (text) => stdout.push(forTerminal(String(text), null)),
    err: (text) => stderr.push(text),
    readFile: (path, maxBytes = 2 ** 24) => readBounded(path, maxBytes),
    interruption: () => new AbortController().signal,
    confirm: async () => null,
    readerGone: new AbortController().signal,
    width: () => null,
    program: ['/usr/local/bin/vfioctl'],
    caller: 1,
    showPage: async () => false,
    env: { XDG_STATE_HOME: folder },
  }
  return { status: await run(words, io), stdout: stdout.join(''), stderr: stderr.join('') }
}
