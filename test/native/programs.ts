import { execFileSync, spawnSync } from 'node:child_process'
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

/** Compiles a C file of `programs/` to a shared library; `more` is what gcc is told besides. */
export function compileLibrary(source: string, library: string, more: readonly string[] = []): void {
  const flags = ['-shared', '-fPIC', '-O1', '-Wall', '-Wextra', '-Werror']
  // Without the sanitizer that may be preloaded into this process.
  const env = { ...process.env, LD_PRELOAD: '' }
  execFileSync('gcc', [...flags, '-o', library, join(import.meta.dirname, 'programs', source), ...more], { env })
}
