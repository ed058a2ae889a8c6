import type { ProgramBeginning, StartedProgram } from './kernel.ts'
import { asCallers } from './linux-errors.ts'

/** `file` is where the program stands for us, `path` what the caller calls it. */
export async function startForeground(file: string, path: string, start: ProgramBeginning): Promise<StartedProgram> {
  const { spawn } = await import('node:child_process')
  try {
    const child = spawn(file, start.arguments, { env: start.environment, stdio: [0, 1, 2, ...start.descriptors] })
    const ended: StartedProgram['ended'] = new Promise((resolve) => {
      child.once('exit', (status, signal) => resolve({ status, signal }))
    })
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve)
      child.once('error', reject)
    })
    return { ended, kill: (signal) => void child.kill(signal) }
  } catch (error) {
    throw asCallers(error, path)
  }
}
