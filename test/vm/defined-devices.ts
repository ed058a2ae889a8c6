import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { expect } from 'vitest'

/** Without the library and without processes of ours: loading the one or starting the other takes seconds here. */

/** As mdevctl writes it. */
export function define(uuid: string, parent: string, type: string, start: 'auto' | 'manual'): void {
  mkdirSync(`/etc/mdevctl.d/${parent}`, { recursive: true })
  writeFileSync(`/etc/mdevctl.d/${parent}/${uuid}`, JSON.stringify({ mdev_type: type, start, attrs: [] }, null, 2))
}

/** The mediated devices that the kernel has. */
export function active(): string[] {
  return readdirSync('/sys/bus/mdev/devices').sort()
}

/** A program of the guest that has to succeed. */
export function run(file: string, ...args: string[]): void {
  const { status, stdout, stderr, error } = spawnSync(file, args, { encoding: 'utf8', timeout: 60_000 })
  if (error !== undefined) throw error
  expect({ file, args, status, stdout, stderr }).toMatchObject({ status: 0 })
}

interface Background {
  /** The lines that it has said so far, on stderr. */
  said(): string[]
  /** Its exit status. */
  readonly ended: Promise<number | null>
}

/** Another program beside this one. */
export function background(file: string, ...args: readonly string[]): Background {
  const child: ChildProcess = spawn(file, args, { stdio: ['ignore', 'inherit', 'pipe'] })
  let said = ''
  child.stderr?.setEncoding('utf8').on('data', (text) => {
    said += text
  })
  return {
    said: () => said.split('\n').filter(Boolean),
    ended: new Promise((resolve) => child.on('close', resolve)),
  }
}
