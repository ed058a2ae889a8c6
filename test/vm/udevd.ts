import { execFileSync } from 'node:child_process'

/** Starts Debian's systemd-udevd. Returns what ends it. */
export function startUdevd(): () => void {
  execFileSync('/usr/lib/systemd/systemd-udevd', ['--daemon'], { stdio: 'pipe' })
  return () => execFileSync('udevadm', ['control', '--exit'])
}
