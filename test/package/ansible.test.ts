import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const scripts = join(import.meta.dirname, '../../scripts')
const program = join(import.meta.dirname, '../../dist/bin/vfioctl.cjs')

let folder: string
let archive: string
let env: Readonly<Record<string, string>>

function pack(into: string): string {
  const args = [join(scripts, 'ansible.mjs'), join(folder, into)]
  return execFileSync(process.execPath, args, { encoding: 'utf8' }).trim()
}

beforeAll(() => {
  execFileSync(process.execPath, [join(scripts, 'vm/debian.mjs'), 'ansible-core'], { stdio: ['ignore', 2, 2] })
  folder = mkdtempSync(join(tmpdir(), 'vfioctl-ansible-test-'))
  archive = pack('first')
  const { PATH = '', HOME = '' } = process.env
  const places = { ANSIBLE_COLLECTIONS_PATH: join(folder, 'collections'), ANSIBLE_LOCAL_TEMP: join(folder, 'local') }
  env = {
    PATH: `/usr/bin:/bin:${PATH}`,
    HOME,
    LC_ALL: 'C.UTF-8',
    ANSIBLE_NOCOLOR: '1',
    ANSIBLE_FORKS: '4',
    ANSIBLE_REMOTE_TEMP: folder,
    ...places,
  }
  const install = ['collection', 'install', '--offline', '-p', join(folder, 'collections'), archive]
  execFileSync('ansible-galaxy', install, { env, stdio: ['ignore', 'ignore', 2] })
}, 600_000)

afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('the collection is the same, byte for byte, made a second time', () => {
  expect(readFileSync(pack('second')).equals(readFileSync(archive))).toBe(true)
})

test.each(['spec', 'device', 'binding', 'facts'])('ansible-doc shows the module %s', (name) => {
  const { status, stdout, stderr } = spawnSync('ansible-doc', [`vfioctl.host.${name}`], { encoding: 'utf8', env })
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  expect(stdout).toMatch(/EXAMPLES:[\s\S]*RETURN VALUES:/)
})

test('ansible-doc shows the role', () => {
  const args = ['-t', 'role', 'vfioctl.host.install']
  expect(execFileSync('ansible-doc', args, { encoding: 'utf8', env })).toContain('vfioctl_boot')
})

/** Those that need nothing from the network. */
const sanity = [
  'compile',
  'empty-init',
  'future-import-boilerplate',
  'line-endings',
  'metaclass-boilerplate',
  'no-assert',
].concat(
  ['no-basestring', 'no-dict-iteritems', 'no-get-exception', 'no-illegal-filenames', 'no-main-display'],
  ['no-smart-quotes', 'no-unicode-literals', 'replace-urlopen', 'shebang', 'symlinks', 'use-argspec-type-path'],
)

test('ansible-test finds nothing, as far as it runs offline', () => {
  const version = 'import sys; print("%d.%d" % sys.version_info[:2])'
  const python = execFileSync('/usr/bin/python3', ['-c', version], { encoding: 'utf8' }).trim()
  const cwd = join(folder, 'collections/ansible_collections/vfioctl/host')
  const args = ['sanity', '--python', python, ...sanity.flatMap((name) => ['--test', name])]
  const { status, stdout, stderr } = spawnSync('ansible-test', args, { cwd, env, encoding: 'utf8' })
  expect(status, stdout + stderr).toBe(0)
})

/** A play on simulated hosts, each with a state of its own. */
function hostsOf(name: string, count: number, scenario = 'gpu-host') {
  const place = join(folder, name)
  mkdirSync(place)
  const names = Array.from({ length: count }, (_, index) => `host${index + 1}`)
  for (const host of names) {
    const file = join(place, host)
    const words = `exec '${process.execPath}' '${program}' --mock=${scenario} "$@"`
    writeFileSync(file, `#!/bin/sh\nexport XDG_STATE_HOME='${file}.state'\n${words}\n`)
    chmodSync(file, 0o755)
  }
  const all = { ansible_connection: 'local', ansible_python_interpreter: '/usr/bin/python3' }
  const hosts = Object.fromEntries(names.map((host) => [host, { executable: join(place, host) }]))
  writeFileSync(join(place, 'hosts.json'), JSON.stringify({ all: { hosts, vars: all } }))
  const written = (tasks: readonly object[]) => {
    const playbook = join(place, 'play.yml')
    writeFileSync(playbook, JSON.stringify([{ hosts: 'all', gather_facts: false, tasks }]))
    return [playbook, '-i', join(place, 'hosts.json')]
  }
  return {
    vfioctl: (host: string, ...args: string[]) => spawnSync(join(place, host), args, { encoding: 'utf8' }),
    play(tasks: readonly object[], ...options: string[]) {
      const args = [...written(tasks), ...options]
      const { status, stdout, stderr } = spawnSync('ansible-playbook', args, { encoding: 'utf8', env })
      return { status, stdout, stderr, recap: recapOf(stdout) }
    },
    begin: (tasks: readonly object[]): ChildProcess =>
      spawn('ansible-playbook', written(tasks), { env, detached: true, stdio: ['ignore', 'pipe', 'ignore'] }),
  }
}

/** 'host1 changed=1 failed=0', of each host. */
function recapOf(stdout: string): string[] {
  const lines = stdout.split('PLAY RECAP')[1]?.matchAll(/^(\S+) .*(changed=\d+) .*(failed=\d+)/gm) ?? []
  return Array.from(lines, ([, host, changed, failed]) => `${host} ${changed} ${failed}`)
}

function task(module: string, given: object): object {
  return { [`vfioctl.host.${module}`]: { executable: '{{ executable }}', ...given } }
}

const spec = {
  version: 1,
  bindings: [{ device: '82:00.0' }],
  parents: [{ parent: '41:00.0', devices: [{ type: 'L40S-24Q', count: 2 }] }],
}
const each = (words: string, count = 8) => Array.from({ length: count }, (_, index) => `host${index + 1} ${words}`)

describe('a play over many hosts', () => {
  test('shows the plan in check mode, changes each host once, and then nothing', () => {
    const { play, vfioctl } = hostsOf('many', 8)
    const tasks = [task('spec', { spec })]
    const checked = play(tasks, '--check', '--diff')
    expect(checked.recap).toEqual(each('changed=1 failed=0'))
    expect(checked.stdout).toContain('-0000:82:00.0: is with nvme\n')
    expect(checked.stdout).toContain('+0000:41:00.4: 1157 on 0000:41:00.0\n')
    expect(vfioctl('host8', 'list', '--json').stdout).toContain('"devices": []')
    expect(play(tasks).recap).toEqual(each('changed=1 failed=0'))
    expect(vfioctl('host8', 'list').stdout).toContain('0000:41:00.5')
    expect(play(tasks).recap).toEqual(each('changed=0 failed=0'))
    expect(play(tasks, '--check').recap).toEqual(each('changed=0 failed=0'))
  })

  test('has the host alone fail that has no room, with the reason', () => {
    const { play } = hostsOf('broken', 3)
    const more = { ...spec, parents: [{ parent: '41:00.0', devices: [{ type: 'L40S-24Q', count: '{{ count }}' }] }] }
    const tasks = [
      { ...task('spec', { spec: more }), vars: { count: "{{ 9 if inventory_hostname == 'host2' else 1 }}" } },
    ]
    const { status, stdout, recap } = play(tasks)
    expect(status).not.toBe(0)
    expect(recap).toEqual(['host1 changed=1 failed=0', 'host2 changed=0 failed=1', 'host3 changed=1 failed=0'])
    expect(stdout).toMatch(/fatal: \[host2\].*"code": "NO_INSTANCE_LEFT"/)
  })

  test('goes on at the next run if it was killed', async () => {
    const { play, begin, vfioctl } = hostsOf('killed', 8)
    const tasks = [task('spec', { spec })]
    const running = begin(tasks)
    await new Promise<void>((resolve) =>
      running.stdout?.on('data', (text) => String(text).includes('changed:') && resolve()),
    )
    process.kill(-(running.pid ?? expect.fail('it did not start')), 'SIGKILL')
    await new Promise((resolve) => running.once('close', resolve))
    expect(play(tasks).status).toBe(0)
    expect(play(tasks).recap).toEqual(each('changed=0 failed=0'))
    expect(vfioctl('host8', 'list').stdout).toContain('0000:41:00.5')
  })
})

test('a device and a binding are there, and are there no more; facts tell of both', () => {
  const uuid = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1001'
  const { play } = hostsOf('single', 1)
  const device = { name: uuid, parent: '0000:3b:00.0', type: 'nvidia-222' }
  const binding = { device: ['82:00.0'] }
  const facts = [task('facts', {}), { 'ansible.builtin.debug': { msg: '{{ ansible_facts.vfioctl.spec }}' } }]
  const there = [task('device', device), task('binding', binding), ...facts]
  const gone = [task('device', { name: uuid, state: 'absent' }), task('binding', { ...binding, state: 'released' })]
  const first = play(there)
  expect(first.recap).toEqual(['host1 changed=2 failed=0'])
  expect(first.stdout).toContain(`"uuid": "${uuid}"`)
  expect(play(there).recap).toEqual(['host1 changed=0 failed=0'])
  expect(play(gone, '--check').recap).toEqual(['host1 changed=2 failed=0'])
  expect(play(gone).recap).toEqual(['host1 changed=2 failed=0'])
  expect(play(gone).recap).toEqual(['host1 changed=0 failed=0'])
})
