import { readFileSync } from 'node:fs'
import type { ProgramBeginning, StartedProgram } from './kernel.ts'
import { asCallers } from './linux-errors.ts'

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** `file` is where the program stands for us, `path` what the caller calls it. */
export async function startForeground(file: string, path: string, start: ProgramBeginning): Promise<StartedProgram> {
  const { spawn } = await import('node:child_process')
  let pass: (signal: NodeJS.Signals) => void = () => {}
  const onSignal = (signal: NodeJS.Signals) => pass(signal)
  for (const signal of signals) process.on(signal, onSignal)
  const stopListening = () => {
    for (const signal of signals) process.off(signal, onSignal)
  }
  try {
    const child = spawn(file, start.arguments, { env: start.environment, stdio: [0, 1, 2, ...start.descriptors] })
    pass = (signal) => {
      if (signal !== 'SIGINT' || !isInForeground()) child.kill(signal)
    }
    const ended: StartedProgram['ended'] = new Promise((resolve) => {
      child.once('exit', (status, signal) => {
        stopListening()
        resolve({ status, signal })
      })
    })
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve)
      child.once('error', reject)
    })
    return { ended }
  } catch (error) {
    stopListening()
    throw asCallers(error, path)
  }
}

/**
 * A terminal has this process in its foreground, with the program that it started: Ctrl-C is for both, and the program has
 * got it already. A second SIGINT would be taken for a second Ctrl-C.
 */
function isInForeground(): boolean {
  // the name in parentheses may hold anything: state, parent, group, session, terminal, the terminal's group come after it
  const fields = readFileSync('/proc/self/stat', 'latin1')
    .replace(/^.*\) /s, '')
    .split(' ')
  const [, , group, , , foreground] = fields
  return group === foreground
}
