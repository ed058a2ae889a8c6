import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { program } from './vfioctl.ts'

const uuid = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1001'

/** Loaded before the program: a signal comes after a file was made and before it has its name. */
const signalBeforeRename = `
const fs = require('node:fs')
const { renameSync } = fs
fs.renameSync = (from, to) => {
  process.kill(process.pid, process.env.SIGNAL)
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50)
  renameSync(from, to)
}
`

it.each(['SIGINT', 'SIGTERM', 'SIGHUP'])('%s amid a save leaves the new file alone, and is obeyed', (signal) => {
  const root = mkdtempSync(join(tmpdir(), 'vfioctl-interrupted-'))
  const type = 'sys/class/mdev_bus/mtty/mdev_supported_types/mtty-1'
  for (const folder of ['etc', 'sys/bus/mdev/devices', type, 'proc']) mkdirSync(join(root, folder), { recursive: true })
  const answers = { available_instances: '2', device_api: 'vfio-pci' }
  for (const [name, answer] of Object.entries(answers)) writeFileSync(join(root, type, name), `${answer}\n`)
  const loaded = join(root, 'signal.cjs')
  writeFileSync(loaded, signalBeforeRename)
  const define = ['define', '--root', root, '-u', uuid, '-p', 'mtty', '-t', 'mtty-1']
  const ended = spawnSync(process.execPath, ['--require', loaded, program, ...define], {
    env: { PATH: process.env['PATH'], SIGNAL: signal },
    encoding: 'utf8',
    timeout: 60_000,
  })
  expect(ended.signal).toBe(signal)
  expect(readdirSync(join(root, 'etc/mdevctl.d/mtty'))).toEqual([uuid])
})
