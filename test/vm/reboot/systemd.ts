import { execFileSync } from 'node:child_process'
import { expect, vi } from 'vitest'
import { run } from '../defined-devices.ts'

/** The unit that brings everything up at boot. */
export const atBoot = 'vfioctl-restore.service'

/** A unit's property, as `systemctl show` has it. */
export function property(unit: string, name: string): string {
  return execFileSync('systemctl', ['show', '--value', '-p', name, unit], { encoding: 'utf8' }).trim()
}

/** Lines that a unit's program has written to stdout. */
export function said(unit: string): string[] {
  const lines = execFileSync('journalctl', ['-u', unit, '-o', 'cat', '_TRANSPORT=stdout'], { encoding: 'utf8' })
  return lines.split('\n').filter(Boolean)
}

/** Once udev has done what its rules say of the events so far, and systemd what came of that. */
export async function settle(): Promise<void> {
  run('udevadm', 'settle')
  const jobs = () => execFileSync('systemctl', ['list-jobs', '--no-legend', 'vfioctl-restore@*'], { encoding: 'utf8' })
  await vi.waitFor(() => expect(jobs()).toBe(''), { timeout: 60_000, interval: 200 })
}

/** Its module gone and loaded again: what was on the parent is gone, and the parent is there anew. */
export function reload(module: string): void {
  run('modprobe', '-r', module)
  run('modprobe', module)
}
