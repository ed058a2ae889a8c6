import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { parseUuid } from '../../src/base/units.ts'
import { openLinux } from '../../src/kernel/linux.ts'
import { findMdevDevice } from '../../src/lifecycle/kinds/mdev/mdev-devices.ts'
import { vfioctl } from '../cli/vfioctl.ts'

const uuid = parseUuid('83b8f4f2-509f-382f-3c1e-e6bfe0fa1005')

afterEach(() => {
  vfioctl(['stop', uuid])
})

it('a process in another mount namespace, where the node has another name, keeps a device from being stopped', async () => {
  vfioctl(['start', '-u', uuid, '-p', 'mtty', '-t', 'mtty-1'])
  const device = findMdevDevice(openLinux().files, uuid)
  const node = device?.deviceNode ?? device?.node ?? ''
  const open = `mount --bind ${dirname(node)} /mnt && exec 3<>/mnt/${basename(node)} && echo open && exec sleep 1000`
  const holder = spawn('unshare', ['--mount', 'sh', '-c', open], { stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    await once(holder.stdout, 'data')
    const { status, stderr } = vfioctl(['stop', uuid])
    expect(status).toBe(5)
    // only fdinfo, since 6.18, tells which device a descriptor is of; a group's node is told by its name alone
    const isTold = existsSync('/dev/vfio/devices')
    expect(stderr).toContain(isTold ? `sleep (pid ${holder.pid}) holds it open` : 'holds it open')
  } finally {
    holder.kill('SIGKILL')
    await once(holder, 'exit')
  }
  expect(vfioctl(['stop', uuid]).status).toBe(0)
})
