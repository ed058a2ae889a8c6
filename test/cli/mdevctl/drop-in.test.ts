import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as v from 'valibot'
import { afterAll, describe, expect, test } from 'vitest'
import { program } from '../vfioctl.ts'
import { filesOf, recordedHost } from './recorded-host.ts'

/** Calls of mdevctl 1.4.0 and their outcome on the recorded host; stdout is null if its wording is its own (help). */
const cases = v.parse(
  v.array(
    v.object({
      name: v.string(),
      args: v.array(v.string()),
      status: v.number(),
      stdout: v.nullable(v.string()),
      changed: v.record(v.string(), v.nullable(v.string())),
      host: v.optional(v.picklist(['full', 'empty']), 'full'),
    }),
  ),
  JSON.parse(readFileSync(join(import.meta.dirname, 'recorded.json'), 'utf8')),
)

const folder = mkdtempSync(join(tmpdir(), 'vfioctl-mdevctl-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** The built program under another name, as a distribution would link it. */
function named(name: string): string {
  const link = join(folder, name)
  rmSync(link, { force: true })
  symlinkSync(program, link)
  return link
}

function call(script: string, args: readonly string[], root: string, input = '') {
  const { PATH = '', HOME = '' } = process.env
  const env = { PATH, HOME, MDEVCTL_ENV_ROOT: root }
  return spawnSync(process.execPath, [script, ...args], { cwd: root, encoding: 'utf8', env, input, timeout: 60_000 })
}

/** UUIDs that were made up during the run. */
function withoutNew(text: string): string {
  const madeUp = /[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/g
  return text.replace(madeUp, (uuid) => (/^(11111111|aabbccdd)/.test(uuid) ? uuid : '<NEW-UUID>'))
}

describe('called as mdevctl, we do what mdevctl 1.4.0 was recorded to do', () => {
  const mdevctl = named('mdevctl')

  test.each(cases)('$name', ({ args, status, stdout, changed, host: kind }) => {
    const host = recordedHost(kind)
    const before = filesOf(host)
    const done = call(mdevctl, args, host.root)
    const after = filesOf(host)
    const differences = [...new Set([...before.keys(), ...after.keys()])]
      .filter((path) => before.get(path) !== after.get(path))
      .map((path) => [withoutNew(path), withoutNew(after.get(path) ?? '') || null])
    expect({ status: done.status, changed: Object.fromEntries(differences) }).toEqual({ status, changed })
    if (stdout !== null) expect(withoutNew(done.stdout).replaceAll(host.root, '<ROOT>')).toBe(stdout)
    if (status === 0) expect(done.stderr).not.toMatch(/^Error/m)
    else expect(done.stderr).toMatch(/^Error: ./)
  })

  test('lsmdev is its list', () => {
    const host = recordedHost()
    const list = call(named('lsmdev'), ['-d', '-p', 'matrix'], host.root)
    expect(list.stdout).toBe('11111111-0000-4000-8000-000000000003 matrix vfio_ap-passthrough manual\n')
    expect(list.status).toBe(0)
  })

  test('`vfioctl mdevctl` is the same program', () => {
    const host = recordedHost()
    const { status, stdout } = call(program, ['mdevctl', 'list', '--dumpjson', '-d', '-p', 'nope'], host.root)
    expect({ status, stdout }).toEqual({ status: 0, stdout: '[]' })
  })
})

describe('as libvirt calls it', () => {
  const mdevctl = named('mdevctl')
  const uuid = '11111111-0000-4000-8000-000000000009'
  const file = `etc/mdevctl.d/matrix/${uuid}`

  test('a definition comes on stdin, is made to start by itself and not, and goes', () => {
    const host = recordedHost()
    const at = (args: string[], input = '') => call(mdevctl, args, host.root, input)
    const definition = '{"mdev_type":"vfio_ap-passthrough","start":"manual"}'
    expect(at(['define', '--parent=matrix', '--jsonfile=/dev/stdin', `--uuid=${uuid}`], definition).status).toBe(0)
    expect(at(['modify', '--uuid', uuid, '--auto']).status).toBe(0)
    expect(JSON.parse(filesOf(host).get(file) ?? '')).toEqual({
      mdev_type: 'vfio_ap-passthrough',
      start: 'auto',
      attrs: [],
    })
    const update = '{"mdev_type":"vfio_ap-passthrough","start":"manual","attrs":[{"assign_adapter":"5"}]}'
    const updated = at(['modify', '--parent=matrix', '--jsonfile=/dev/stdin', `--uuid=${uuid}`, '--defined'], update)
    expect(updated.status).toBe(0)
    expect(JSON.parse(filesOf(host).get(file) ?? '')).toEqual(JSON.parse(update))
    expect(at(['undefine', '-u', uuid]).status).toBe(0)
    expect(filesOf(host).has(file)).toBe(false)
  })

  test('a device defined without a UUID is told by the one made up', () => {
    const host = recordedHost()
    const definition = '{"mdev_type":"nvidia-36","start":"manual"}'
    const { stdout } = call(
      mdevctl,
      ['define', '--parent=0000:3b:00.0', '--jsonfile=/dev/stdin'],
      host.root,
      definition,
    )
    expect(stdout).toMatch(/^[0-9a-f-]{36}\n$/)
    expect(filesOf(host).has(`etc/mdevctl.d/0000:3b:00.0/${stdout.trim()}`)).toBe(true)
  })

  test('a running device is changed live only by a script that knows how', () => {
    const host = recordedHost()
    const running = '11111111-0000-4000-8000-000000000001'
    const same = '{"mdev_type":"nvidia-222","start":"manual"}'
    const args = ['modify', '--parent=0000:3b:00.0', '--jsonfile=/dev/stdin', `--uuid=${running}`, '--live']
    const { status, stderr } = call(mdevctl, args, host.root, same)
    expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringContaining('no callout script can change') })
  })
})

describe('faults of mdevctl that are not ours', () => {
  const mdevctl = named('mdevctl')

  test('one unreadable file is a warning with its path; the list goes on', () => {
    const host = recordedHost().definition('matrix', '11111111-0000-4000-8000-000000000005', '{ not json')
    const { status, stdout, stderr } = call(mdevctl, ['list', '-d'], host.root)
    expect(status).toBe(0)
    expect(stdout.split('\n')).toHaveLength(5)
    expect(stderr).toMatch(/^Warning: \/etc\/mdevctl\.d\/matrix\/11111111-0000-4000-8000-000000000005 /m)
  })

  test('a parent with `..` in its name writes nothing', () => {
    const host = recordedHost()
    const before = filesOf(host)
    const { status } = call(mdevctl, ['define', '-p', '../x', '-t', 'nvidia-222'], host.root)
    expect(status).toBe(1)
    expect(filesOf(host)).toEqual(before)
  })

  test('a type that is no string is said with the file, an unknown start value too', () => {
    const host = recordedHost()
      .file('in/bad.json', '{"mdev_type":5,"start":"auto"}')
      .file('in/odd.json', '{"mdev_type":"nvidia-36","start":"whenever"}')
    for (const file of ['in/bad.json', 'in/odd.json']) {
      const { status, stderr } = call(mdevctl, ['define', '-p', '0000:3b:00.0', '--jsonfile', file], host.root)
      expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringContaining(file) })
    }
  })

  test('help is there though the folders of scripts are not', () => {
    const host = recordedHost('empty')
    rmSync(join(host.root, 'usr'), { recursive: true })
    expect(call(mdevctl, ['--help'], host.root)).toMatchObject({ status: 0, stderr: '' })
    expect(call(mdevctl, ['list'], host.root)).toMatchObject({ status: 0, stdout: '', stderr: '' })
  })

  test('more instances than 2^31-1 are a number', () => {
    const host = recordedHost()
    const path = 'sys/class/mdev_bus/0.0.26ab/mdev_supported_types/vfio_ccw-io/available_instances'
    host.file(path, '4294967295\n')
    const { status, stdout } = call(mdevctl, ['types', '-p', '0.0.26ab'], host.root)
    expect(status).toBe(0)
    expect(stdout).toContain('Available instances: 4294967295')
  })
})
