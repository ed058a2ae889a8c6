import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it, vi } from 'vitest'
import { active, background, run } from '../defined-devices.ts'
import { display, onMtty, unit } from './definitions.ts'

/** What systemd would run. */
function startUnit() {
  const [, line = ''] = /^ExecStart=(.*)$/m.exec(readFileSync(unit, 'utf8')) ?? []
  const [file = '', ...args] = line.split(' ')
  return background(file, ...args)
}

it('what was defined comes back, in order, with a parent that appears ten seconds after boot', async () => {
  for (const [path, text] of Object.entries(JSON.parse(process.env['VFIOCTL_ETC'] ?? ''))) {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, String(text))
  }
  run('modprobe', '-r', 'mtty')
  expect(active()).toEqual([])
  run('/usr/lib/systemd/systemd-udevd', '--daemon')
  const { said, ended } = startUnit()
  await vi.waitFor(() => expect(said()).toHaveLength(2), { timeout: 60_000, interval: 200 })
  await sleep(10_000)
  expect(said()).toEqual(['waiting for mtty, at most 60 s', `started: ${display} on mdpy (mdpy-vga)`])
  run('modprobe', 'mtty')
  expect(await ended).toBe(0)
  // The udev rule starts them too: whoever comes second finds them there.
  expect(said().slice(2)).toEqual(
    onMtty.map((uuid) => expect.stringMatching(`^(started|already there): ${uuid} on mtty \\(mtty-1\\)$`)),
  )
  expect(active()).toEqual([...onMtty, display])
})
