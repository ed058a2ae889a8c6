import { spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { vfioctl } from '../cli/vfioctl.ts'

const script = '/etc/mdevctl.d/scripts.d/callouts/licence.sh'
const uuid = randomUUID()
const device = ['-u', uuid, '-p', 'mtty', '-t', 'mtty-2']

beforeEach(() => {
  mkdirSync(dirname(script), { recursive: true })
  writeFileSync(
    script,
    `#!/bin/sh
[ "$2" = mtty-2 ] || exit 2
[ "$4 $6" = "pre start" ] || exit 0
echo "no licence for $2 on \${12}" >&2
exit 1
`,
  )
  chmodSync(script, 0o755)
})

afterEach(() => {
  vfioctl(['stop', uuid])
  rmSync(script)
})

function isActive(): boolean {
  return existsSync(`/sys/bus/mdev/devices/${uuid}`)
}

it('a vendor’s script forbids a start: to us, to our mdevctl and to the real one, in its own words', () => {
  const words = 'licence.sh: no licence for mtty-2 on mtty'
  const ours = vfioctl(['start', ...device])
  expect(ours.status).toBe(1)
  expect(ours.stderr).toContain(words)
  expect(ours.stderr).toContain(`${script} refused to start ${uuid}`)
  const dropIn = vfioctl(['mdevctl', 'start', ...device])
  expect(dropIn.status).toBe(1)
  expect(dropIn.stderr).toContain(words)
  const real = spawnSync('mdevctl', ['start', ...device], { encoding: 'utf8' })
  expect(real.status).toBe(1)
  expect(real.stderr).toContain(words)
  expect(isActive()).toBe(false)
})

it('what the script does not forbid is done, and what it forbids with --force', () => {
  expect(vfioctl(['start', '-u', uuid, '-p', 'mtty', '-t', 'mtty-1'])).toMatchObject({ status: 0 })
  expect(vfioctl(['stop', uuid])).toMatchObject({ status: 0 })
  expect(vfioctl(['mdevctl', 'start', '--force', ...device])).toMatchObject({ status: 0 })
  expect(isActive()).toBe(true)
})
