import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

/** The addon under test, for child processes and Workers that load it by themselves. */
export const addonPath: string =
  process.env['VFIOCTL_ADDON'] ?? join(import.meta.dirname, '../../build/Release/vfioctl.node')

export interface Ended {
  readonly status: number | null
  readonly signal: string | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program of `programs/` in a process of its own: for what ends a process, or must be the first to load. */
export function runProgram(name: string, args: readonly string[] = [], env: Record<string, string> = {}): Ended {
  const program = join(import.meta.dirname, 'programs', name)
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, ['--expose-gc', program, addonPath, ...args], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
    timeout: 120_000,
  })
  return { status, signal, stdout, stderr }
}
