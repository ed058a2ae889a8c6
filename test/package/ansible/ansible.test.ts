import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Controller } from './controller.ts'

let controller: Controller
let archive: string

beforeAll(() => {
  controller = new Controller()
  archive = controller.pack('first')
  const install = ['collection', 'install', '--offline', '-p', controller.path('collections'), controller.seen(archive)]
  const { status, stderr } = controller.run('ansible-galaxy', ...install)
  expect(status, stderr).toBe(0)
}, 600_000)

afterAll(() => controller[Symbol.dispose]())

test('the collection is the same, byte for byte, made a second time', () => {
  expect(readFileSync(controller.pack('second')).equals(readFileSync(archive))).toBe(true)
})

test.each(['spec', 'device', 'binding', 'facts'])('ansible-doc shows the module %s', (name) => {
  const { status, stdout, stderr } = controller.run('ansible-doc', `vfioctl.host.${name}`)
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  expect(stdout).toMatch(/EXAMPLES:[\s\S]*RETURN VALUES:/)
})

test('ansible-doc shows the role', () => {
  expect(controller.run('ansible-doc', '-t', 'role', 'vfioctl.host.install').stdout).toContain('vfioctl_boot')
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
  const python = controller.run('/usr/bin/python3', '-c', version).stdout.trim()
  const place = controller.path('collections/ansible_collections/vfioctl/host')
  const inPlace = ['sh', '-c', `cd '${place}' && exec "$@"`, 'sh']
  const known = controller.run(...inPlace, 'ansible-test', 'sanity', '--list-tests').stdout.split('\n')
  const args = sanity.filter((name) => known.includes(name)).flatMap((name) => ['--test', name])
  expect(args.length).toBeGreaterThan(10)
  const { status, stdout, stderr } = controller.run(...inPlace, 'ansible-test', 'sanity', '--python', python, ...args)
  expect(status, stdout + stderr).toBe(0)
})

/** A play on simulated hosts, each with a state of its own. */
function hostsOf(name: string, count: number) {
  const names = Array.from({ length: count }, (_, index) => `host${index + 1}`)
  const programs = new Map(names.map((host) => [host, controller.simulatedHost(`${name}/${host}`, 'gpu-host')]))
  const vars = { ansible_connection: 'local', ansible_python_interpreter: '/usr/bin/python3' }
  const hosts = Object.fromEntries(Array.from(programs, ([host, executable]) => [host, { executable }]))
  const inventory = controller.write(`${name}/hosts.json`, JSON.stringify({ all: { hosts, vars } }))
  const words = (tasks: readonly object[]) => {
    const play = [{ hosts: 'all', gather_facts: false, tasks }]
    return ['ansible-playbook', controller.write(`${name}/play.yml`, JSON.stringify(play)), '-i', inventory]
  }
  return {
    vfioctl: (host: string, ...args: string[]) => controller.run(programs.get(host) ?? '', ...args),
    play(tasks: readonly object[], ...options: string[]) {
      const { status, stdout, stderr } = controller.run(...words(tasks), ...options)
      return { status, stdout, stderr, recap: recapOf(stdout) }
    },
    begin(tasks: readonly object[]): ChildProcess {
      const stdio: ['ignore', 'pipe', 'ignore'] = ['ignore', 'pipe', 'ignore']
      return spawn(...controller.command(words(tasks)), { ...controller.options, detached: true, stdio })
    },
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
