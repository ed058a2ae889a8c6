import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { mockHost, vfioctl } from './vfioctl.ts'

const uuid = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1001'
const other = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1002'
const uuidLine = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\n$/

function list(run: (...args: string[]) => { stdout: string }): {
  devices: Record<string, unknown>[]
  warnings: unknown[]
} {
  return JSON.parse(run('list', '--json').stdout)
}

describe('a UUID that was made up is the only data on stdout, for scripts', () => {
  it.each(['define', 'start'])('%s', (verb) => {
    const { status, stdout, stderr } = mockHost()(verb, '-p', 'mtty', '-t', 'mtty-1')
    expect(status).toBe(0)
    expect(stdout).toMatch(uuidLine)
    expect(stderr).toContain(stdout.trim())
  })
})

describe('--dry-run prints the exact writes and makes none', () => {
  it('define', () => {
    const run = mockHost()
    const { stdout } = run('define', '-u', uuid, '-p', 'mtty', '-t', 'mtty-1', '--auto', '--dry-run')
    expect(stdout).toBe(`\
save /etc/mdevctl.d/mtty/${uuid}
  {
    "mdev_type": "mtty-1",
    "start": "auto",
    "attrs": []
  }
`)
    expect(list(run).devices).toEqual([])
  })

  it('start, stop, modify and undefine', () => {
    const run = mockHost()
    run('define', '-u', uuid, '-p', 'mtty', '-t', 'mtty-1')
    const definition = `/etc/mdevctl.d/mtty/${uuid}`
    const before = list(run)
    expect(run('start', uuid, '--dry-run').stdout).toBe(
      `write '${uuid}' > /sys/class/mdev_bus/mtty/mdev_supported_types/mtty-1/create\n`,
    )
    expect(run('modify', uuid, '-a', '--dry-run').stdout).toContain(`save ${definition}\n`)
    expect(run('undefine', uuid, '--dry-run').stdout).toBe(`delete ${definition}\n`)
    expect(list(run)).toEqual(before)
    run('start', uuid)
    const running = list(run)
    expect(run('stop', uuid, '--dry-run').stdout).toBe(`write '1' > /sys/bus/mdev/devices/${uuid}/remove\n`)
    expect(list(run)).toEqual(running)
  })
})

describe('what is already so is success and says so', () => {
  it('defining, starting and stopping twice', () => {
    const run = mockHost()
    const define = ['define', '-u', uuid, '-p', 'mtty', '-t', 'mtty-1']
    run(...define)
    expect(run(...define)).toEqual({ status: 0, stdout: '', stderr: `already defined: ${uuid} on mtty (mtty-1)\n` })
    run('start', uuid)
    expect(run('start', uuid)).toMatchObject({ status: 0, stderr: expect.stringContaining('already started') })
    run('stop', uuid)
    expect(run('stop', uuid)).toMatchObject({ status: 0, stderr: expect.stringContaining('already stopped') })
  })
})

describe('modify', () => {
  it('adds and takes away attributes by position', () => {
    const run = mockHost()
    run('define', '-u', uuid, '-p', '0000:3b:00.0', '-t', 'nvidia-222')
    const attributes = () => list(run).devices[0]?.['definition']
    run('modify', uuid, '--addattr', 'nvidia/vgpu_params', '--value', 'a=1')
    run('modify', uuid, '--addattr', 'nvidia/vm_name', '--value=-first', '-i', '0')
    expect(attributes()).toMatchObject({
      attributes: [
        { name: 'nvidia/vm_name', value: '-first' },
        { name: 'nvidia/vgpu_params', value: 'a=1' },
      ],
    })
    run('modify', uuid, '--delattr', '-i', '0')
    expect(attributes()).toMatchObject({ attributes: [{ name: 'nvidia/vgpu_params', value: 'a=1' }] })
    expect(run('list', '-v').stdout).toContain('    @0 nvidia/vgpu_params=a=1\n')
  })

  it('that names nothing to change is exit 2', () => {
    expect(mockHost()('modify', uuid)).toMatchObject({ status: 2 })
  })
})

describe('--jsonfile', () => {
  const json = JSON.stringify({ mdev_type: 'mtty-2', start: 'auto', attrs: [] })

  it('is a whole definition, from a file or from stdin', () => {
    const run = mockHost()
    const file = join(mkdtempSync(join(tmpdir(), 'vfioctl-cli-')), 'd.json')
    writeFileSync(file, json)
    expect(run('define', '-u', uuid, '-p', 'mtty', '--jsonfile', file).status).toBe(0)
    const piped = vfioctl(['define', '-u', other, '-p', 'mtty', '--jsonfile', '-', '--mock'], {
      env: run.env,
      input: json,
    })
    expect(piped.status).toBe(0)
    expect(list(run).devices.map(({ definition }) => definition)).toEqual([
      { type: 'mtty-2', start: 'auto', attributes: [] },
      { type: 'mtty-2', start: 'auto', attributes: [] },
    ])
  })

  it('that is not there is exit 3, that is no definition exit 1, and nothing is changed', () => {
    const run = mockHost()
    expect(run('define', '-p', 'mtty', '--jsonfile', '/nowhere')).toMatchObject({ status: 3, stdout: '' })
    const piped = vfioctl(['define', '-p', 'mtty', '--jsonfile', '-', '--mock'], { env: run.env, input: '{' })
    expect(piped).toMatchObject({ status: 1, stdout: '' })
    expect(list(run).devices).toEqual([])
  })
})

describe('exit codes of what the host refuses', () => {
  it('3: a parent that is not there, with the nearest name', () => {
    const { status, stderr } = mockHost()('define', '-p', 'mtyt', '-t', 'mtty-1')
    expect(status).toBe(3)
    expect(stderr).toContain("did you mean 'mtty'?")
  })

  it('6: no instance left', () => {
    const run = mockHost()
    expect(run('start', '-p', '0000:3b:00.0', '-t', 'nvidia-234').status).toBe(0)
    const { status, stdout, stderr } = run('start', '-p', '0000:3b:00.0', '-t', 'nvidia-234')
    expect({ status, stdout }).toEqual({ status: 6, stdout: '' })
    expect(stderr).toMatch(/^vfioctl: .*\nhint: .*\n$/)
  })

  it('2: a name that would leave its folder', () => {
    expect(mockHost()('define', '-p', '../x', '-t', 'mtty-1')).toMatchObject({ status: 2, stdout: '' })
  })

  it('3: opening what does not run, with how to start it', () => {
    const run = mockHost()
    run('define', '-u', uuid, '-p', 'mtty', '-t', 'mtty-1')
    expect(run('inspect', uuid)).toEqual({
      status: 3,
      stdout: '',
      stderr: `vfioctl: ${uuid} is not active: nothing to open\nhint: vfioctl start --mock ${uuid}\n`,
    })
  })
})

describe('JSON of a change', () => {
  it('is the library’s Change: what it is about, and the steps', () => {
    const { stdout, stderr } = mockHost()('start', '-u', uuid, '-p', 'mtty', '-t', 'mtty-1', '--json')
    expect(stderr).toBe('')
    expect(JSON.parse(stdout)).toEqual({
      kind: 'mdev',
      name: uuid,
      uuid,
      parent: 'mtty',
      type: 'mtty-1',
      changed: true,
      dryRun: false,
      steps: [{ action: 'write', path: '/sys/class/mdev_bus/mtty/mdev_supported_types/mtty-1/create', value: uuid }],
    })
  })
})

describe('a definition for a card that is not here', () => {
  const args = ['define', '-u', uuid, '-p', '0000:99:00.0', '-t', 'nvidia-1']
  it('is refused, and taken with --force', () => {
    const run = mockHost()
    expect(run(...args)).toMatchObject({ status: 3, stdout: '' })
    expect(run(...args, '--force').status).toBe(0)
    expect(list(run).devices).toMatchObject([{ uuid, parent: '0000:99:00.0', type: 'nvidia-1', active: false }])
  })
  it('another type for it likewise', () => {
    const run = mockHost()
    run(...args, '-f')
    expect(run('modify', uuid, '-t', 'nvidia-2').status).toBe(3)
    expect(run('modify', uuid, '-t', 'nvidia-2', '-f').status).toBe(0)
    expect(list(run).devices).toMatchObject([{ type: 'nvidia-2' }])
  })
})
