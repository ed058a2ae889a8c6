import type { ChildProcessWithoutNullStreams } from 'node:child_process'
import type { Readable } from 'node:stream'
import type { ProgramEnd, ProgramRun } from './kernel.ts'
import { asCallers } from './linux-errors.ts'

const maxOutput = 1024 * 1024

/** `file` is where the program stands for us, `path` what the caller calls it. */
export async function runProgram(file: string, path: string, run: ProgramRun): Promise<ProgramEnd> {
  // Loaded here, as it takes some milliseconds, and few commands run a program.
  const { spawn } = await import('node:child_process')
  return new Promise((resolve, reject) => {
    // A process group of its own, so that what it started can be killed with it.
    const child = spawn(file, run.arguments, { detached: true, stdio: 'pipe' })
    const stdout = collect(child.stdout)
    const stderr = collect(child.stderr)
    let timedOut = false
    const timer = setTimeout(() => {
      timedOut = true
      killGroup(child)
    }, run.timeoutMs)
    child.on('error', (error) => {
      clearTimeout(timer)
      reject(asCallers(error, path))
    })
    child.on('close', (status) => {
      clearTimeout(timer)
      resolve({ status, timedOut, stdout: stdout(), stderr: stderr() })
    })
    // It may end without reading all of it.
    child.stdin.on('error', () => {})
    child.stdin.end(run.input ?? '')
  })
}

/** What left the group may still hold the pipes: nobody waits for that. */
function killGroup({ pid, stdin, stdout, stderr }: ChildProcessWithoutNullStreams): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // It ended by itself a moment ago.
  }
  for (const pipe of [stdin, stdout, stderr]) pipe.destroy()
}

function collect(stream: Readable): () => string {
  const chunks: Buffer[] = []
  let length = 0
  stream.on('data', (chunk: Buffer) => {
    chunks.push(chunk.subarray(0, maxOutput - length))
    length = Math.min(length + chunk.length, maxOutput)
  })
  return () => Buffer.concat(chunks).toString('utf8')
}
