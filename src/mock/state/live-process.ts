import { readFileSync } from 'node:fs'
import { finishRemovals, type MockState, type ProcessRecord, type Snapshot } from './state.ts'
import { isWorkerAlive } from './worker-life.ts'

/** Start of a process, in the machine's own ticks (/proc/PID/stat, field 22); null if the machine has no /proc. */
export function processStart(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // the second field is the command's name in parentheses and may itself hold spaces and parentheses
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null
  } catch {
    return null
  }
}

/** Lets go of what dead processes held, as the kernel closes the files of the dead. */
export function dropDeadProcesses(state: MockState): void {
  state.processes = state.processes.filter(isAlive)
  finishRemovals(state)
}

/** True if a process of the state has ended. */
export function hasDeadProcess(state: Snapshot): boolean {
  return state.processes.some((process) => !isAlive(process))
}

function isAlive({ pid, started, worker }: Pick<ProcessRecord, 'pid' | 'started' | 'worker'>): boolean {
  if (!isRunning(pid) || (worker !== null && !isWorkerAlive(pid, worker))) return false
  const now = started === null ? null : processStart(pid)
  return now === null || now === started
}

/** True if a process of that number runs. */
export function isRunning(pid: number): boolean {
  if (pid === process.pid) return true
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
