import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { afterEach, describe, expect, it } from 'vitest'
import { program, vfioctl } from '../cli/vfioctl.ts'

const uuid = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1004'
const mtty = ['-p', 'mtty', '-t', 'mtty-2']

afterEach(() => {
  vfioctl(['stop', uuid])
  vfioctl(['undefine', uuid])
})

function listed(): unknown[] {
  const { devices } = JSON.parse(vfioctl(['list', '--json']).stdout)
  return devices.filter((device: { name: string }) => device.name === uuid)
}

describe('a device that another process has open', () => {
  it('is not stopped: exit 5, at once, and who has it; stopped when that process ends', async () => {
    vfioctl(['start', '-u', uuid, ...mtty])
    const [device] = JSON.parse(vfioctl(['list', uuid, '--json']).stdout).devices
    const hold = `require('fs').openSync('${device.node}', 'r+'); console.log('open'); setInterval(() => {}, 1000)`
    // As libvirt starts QEMU, so far as /proc shows it.
    const qemu = ['-name', 'guest=web1,debug-threads=on', '-uuid', uuid]
    const holder = spawn(process.execPath, ['-e', hold, '--', ...qemu], {
      argv0: '/usr/bin/qemu-system-x86_64',
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    try {
      await once(holder.stdout, 'data')
      const { status, stderr } = vfioctl(['stop', uuid])
      expect(status).toBe(5)
      expect(stderr).toContain(`(pid ${holder.pid}, VM web1) holds it open`)
      expect(stderr).toMatch(/^vfioctl: .*\nhint: .*\n$/)
      expect(listed()).toMatchObject([{ active: true, users: [{ pid: holder.pid, vm: { name: 'web1', uuid } }] }])
      expect(vfioctl(['list', uuid]).stdout).toContain(`(pid ${holder.pid}, VM web1)`)
    } finally {
      holder.kill('SIGKILL')
      await once(holder, 'exit')
    }
    expect(vfioctl(['stop', uuid]).status).toBe(0)
    expect(listed()).toEqual([])
  })
})

describe('without root', () => {
  function asNobody(...args: string[]) {
    const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups', process.execPath, program, ...args]
    const { status, stdout, stderr } = spawnSync('setpriv', nobody, { encoding: 'utf8', timeout: 60_000 })
    return { status, stdout, stderr }
  }

  it('what there is can be listed', () => {
    vfioctl(['start', '-u', uuid, ...mtty])
    expect(asNobody('types', '-p', 'mtty')).toMatchObject({ status: 0, stdout: expect.stringContaining('mtty-2') })
    expect(asNobody('list')).toMatchObject({ status: 0, stdout: expect.stringContaining(uuid) })
  })

  it.each([
    ['start', '-u', uuid, ...mtty],
    ['define', '-u', uuid, ...mtty],
  ])('%s is exit 4 with a hint, and nothing is changed', (...args) => {
    const { status, stdout, stderr } = asNobody(...args)
    expect({ status, stdout }).toEqual({ status: 4, stdout: '' })
    expect(stderr).toMatch(/^vfioctl: .*permission denied \(EACCES\).*\nhint: .*sudo.*\n$/)
    expect(listed()).toEqual([])
  })

  it.each(['stop', 'inspect'])('%s of a running device is exit 4 with a hint, and it runs on', (verb) => {
    vfioctl(['start', '-u', uuid, ...mtty])
    const { status, stderr } = asNobody(verb, uuid)
    expect(status).toBe(4)
    expect(stderr).toMatch(/^vfioctl: .*permission denied \(EACCES\).*\nhint: .*\n$/)
    expect(listed()).toMatchObject([{ active: true }])
  })
})

describe('bad input', () => {
  it.each([
    [2, ['start', '-u', `${uuid}0`, ...mtty]],
    [3, ['start', '-u', 'xyz', ...mtty]],
    [3, ['list', uuid]],
    [3, ['start', '-u', uuid, '-p', 'mty', '-t', 'mtty-2']],
    [3, ['start', '-u', uuid, '-p', 'mtty', '-t', 'mtty-3']],
    [3, ['start', '-u', uuid]],
    [2, ['define', '-u', uuid, '-p', '../mtty', '-t', 'mtty-2']],
    [2, ['define', '-u', uuid, '-p', 'a/b', '-t', 'mtty-2']],
    [3, ['stop', uuid]],
    [3, ['undefine', uuid]],
    [3, ['inspect', uuid]],
  ])('exit %i, one line and a hint: %j', (status, args) => {
    const output = vfioctl(args)
    expect(output).toEqual({ status, stdout: '', stderr: expect.stringMatching(/^vfioctl: .*\nhint: .*\n$/) })
    expect(listed()).toEqual([])
  })
})
