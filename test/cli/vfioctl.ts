import { spawnSync } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Output } from './main-job.ts'

const script = join(import.meta.dirname, '../../dist/bin/vfioctl.cjs')

export interface Surroundings {
  readonly env?: Readonly<Record<string, string>>
  readonly input?: string
}

/** Runs the built command line as a program. */
export function vfioctl(args: readonly string[], { env = {}, input = '' }: Surroundings = {}): Output {
  const { PATH = '', HOME = '' } = process.env
  const { status, stdout, stderr, error } = spawnSync(process.execPath, [script, ...args], {
    encoding: 'utf8',
    env: { PATH, HOME, ...env },
    input,
    timeout: 60_000,
  })
  if (error !== undefined) throw error
  return { status, stdout, stderr }
}

export type Run = (...args: string[]) => Output

/** A simulated host of its own: each call is one `vfioctl --mock …`. */
export function mockHost(): Run & { readonly env: Readonly<Record<string, string>> } {
  const env = { XDG_STATE_HOME: mkdtempSync(join(tmpdir(), 'vfioctl-cli-')) }
  return Object.assign((...args: string[]) => vfioctl(['--mock', ...args], { env }), { env })
}

/** The path of the built program, for tests that start it otherwise. */
export const program: string = script
