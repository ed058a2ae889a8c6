import type { Readable } from 'node:stream'
import { loadAddon } from './addon.ts'
import { endWithUs } from './ends-with-us.ts'
import type { ProgramEnd, ProgramRun } from './kernel.ts'
import { asCallers } from './linux-errors.ts'

const maxOutput = 1024 * 1024
/** For what a program leaves running, which may hold its stdout for ever. */
const patienceAfterExitMs = 1000

/** `file` is where the program stands for us, `path` what the caller calls it. */
export async function runProgram(file: string, path: string, run: ProgramRun): Promise<ProgramEnd> {
  // Loaded here, as they take some milliseconds, and few commands run a program.
  const [{ spawn }, { Socket }] = await Promise.all([import('node:child_process'), import('node:net')])
  const [input, output, errors] = [openPipe(), openPipe(), openPipe()]
  const stdin = new Socket({ fd: input.write, readable: false, writable: true })
  const outputs = [output, errors].map(({ read }) => collect(new Socket({ fd: read, readable: true, writable: false })))
  const close = () => {
    stdin.destroy()
    for (const { stream } of outputs) stream.destroy()
  }
  const start = () => {
    const theirs = [input.read, output.write, errors.write]
    try {
      // A process group of its own, so that what it started can be killed with it.
      return spawn(file, run.arguments, { detached: true, stdio: theirs })
    } finally {
      for (const fd of theirs) loadAddon().close(fd)
    }
  }
  try {
    const child = start()
    return await new Promise<ProgramEnd>((resolve, reject) => {
      const kept = run.endsWithUs === true && child.pid !== undefined ? endWithUs(child.pid) : () => {}
      let timedOut = false
      const timer = setTimeout(() => {
        timedOut = true
        if (child.pid !== undefined) killGroup(child.pid)
        // What left the group may still hold the pipes: nobody waits for that.
        close()
      }, run.timeoutMs)
      child.on('error', (error) => {
        clearTimeout(timer)
        kept()
        reject(error)
      })
      child.on('exit', (status) => {
        clearTimeout(timer)
        kept()
        const [stdout, stderr] = outputs
        const late = setTimeout(close, patienceAfterExitMs)
        void Promise.all(outputs.map(({ ended }) => ended)).then(() => {
          clearTimeout(late)
          resolve({ status, timedOut, stdout: stdout?.text() ?? '', stderr: stderr?.text() ?? '' })
        })
      })
      // It may end without reading all of it.
      stdin.on('error', () => {})
      stdin.end(run.input ?? '')
    })
  } catch (error) {
    throw asCallers(error, path)
  } finally {
    close()
  }
}

/** A real one, which scripts may open by name (/dev/stdin, /dev/stderr): Node's own are sockets, which nobody can. */
function openPipe(): { read: number; write: number } {
  const ends = new Int32Array(2)
  loadAddon().pipe(ends)
  const [read = -1, write = -1] = ends
  return { read, write }
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // It ended by itself a moment ago.
  }
}

/** Reads a stream to its end, and keeps the first `maxOutput` bytes: chunks past those are dropped. */
function collect(stream: Readable): { stream: Readable; ended: Promise<void>; text: () => string } {
  const chunks: Buffer[] = []
  let length = 0
  stream.on('data', (chunk: Buffer) => {
    const left = maxOutput - length
    if (left === 0) return
    chunks.push(chunk.length > left ? Buffer.from(chunk.subarray(0, left)) : chunk)
    length += Math.min(chunk.length, left)
    // Each costs some memory by itself, be it a byte.
    if (chunks.length === 1024) chunks.splice(0, chunks.length, Buffer.concat(chunks))
  })
  stream.on('error', () => {})
  const ended = new Promise<void>((resolve) => void stream.on('close', resolve))
  return { stream, ended, text: () => Buffer.concat(chunks).toString('utf8') }
}
