import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { HostTree } from '../unit/host-tree.ts'
import { vfioctl } from './vfioctl.ts'

const l40s = '0000:41:00.0'
const network = '0000:81:00.0'
const path = `/sys/bus/pci/devices/${network}/sriov_numvfs`
const kept = `/etc/vfioctl.d/sriov/${network}.json`

/** A simulated server with cards that have virtual functions: each call is one `vfioctl --mock gpu-host …`. */
function gpuHost() {
  const env = { XDG_STATE_HOME: mkdtempSync(join(tmpdir(), 'vfioctl-cli-')) }
  return (...args: string[]) => vfioctl(['--mock', 'gpu-host', ...args], { env })
}

function counts(run: ReturnType<typeof gpuHost>): Record<string, number> {
  const { functions } = JSON.parse(run('sriov', '--json').stdout)
  return Object.fromEntries(functions.map((it: { address: string; count: number }) => [it.address, it.count]))
}

describe('vfioctl sriov', () => {
  test('--autoprobe is kept with a number, said, listed, and refused without one', () => {
    const run = gpuHost()
    const set = run('sriov', network, '2', '--autoprobe', 'off')
    expect(set.stderr).toBe(`${network} has 2 of 64 virtual functions, autoprobe off, now and at every boot\n`)
    expect(run('list', '--kept').stdout).toContain('2 virtual functions, autoprobe off')
    for (const words of [[network], [network, '0'], []]) {
      const { status, stderr } = run('sriov', ...words, '--autoprobe', 'off')
      expect({ status, stderr }).toMatchObject({ status: 2, stderr: expect.stringContaining('a COUNT of at least 1') })
    }
    expect(counts(run)[network]).toBe(2)
  })

  test('below another root keeps the number for a card whose functions a program makes, and does not run it', () => {
    const card = 'sys/devices/pci0000:00/0000:41:00.0'
    const tree = new HostTree()
      .file(`${card}/vendor`, '0x10de\n')
      .file(`${card}/device`, '0x2235\n')
      .file(`${card}/class`, '0x030200\n')
      .file(`${card}/sriov_totalvfs`, '2\n')
      .file(`${card}/sriov_numvfs`, '0\n')
      .link('sys/bus/pci/devices/0000:41:00.0', '../../../devices/pci0000:00/0000:41:00.0')
      .file('sys/bus/pci/drivers/nvidia/unbind', '')
      .link(`${card}/driver`, '../../../bus/pci/drivers/nvidia')
      .file('etc/hostname', 'other\n')
    expect(vfioctl(['sriov', '41:00.0', 'all', '--root', tree.root])).toEqual({
      status: 0,
      stdout: '',
      stderr:
        '0000:41:00.0 is to have 2 of 2 virtual functions from its next boot on; ' +
        "below another root NVIDIA's sriov-manage is not run\n",
    })
    expect(JSON.parse(readFileSync(join(tree.root, 'etc/vfioctl.d/sriov/0000:41:00.0.json'), 'utf8'))).toEqual({
      count: 2,
      vendor: '0x10de',
      device: '0x2235',
    })
  })

  test('lists what can have virtual functions, all of it or one device, and as JSON', () => {
    const run = gpuHost()
    const { status, stdout, stderr } = run('sriov')
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(stdout.split('\n').map((line) => line.trim().split(/ {2,}/))).toEqual([
      ['DEVICE', 'DRIVER', 'FUNCTIONS', 'MAX', 'AUTOPROBE'],
      [l40s, 'nvidia', '4', '32', 'on'],
      ['0000:61:00.0', 'nova_core', '0', '48', 'on'],
      [network, 'ice', '0', '64', 'on'],
      ['0000:81:00.1', 'ice', '0', '64', 'on'],
      [''],
    ])
    expect(run('sriov', '81:00.0').stdout.split('\n').slice(1)).toEqual([expect.stringContaining(network), ''])
    expect(JSON.parse(run('sriov', '41:00.0', '--json').stdout)).toMatchObject({
      functions: [{ address: l40s, driver: 'nvidia', total: 32, count: 4, functions: { length: 4 }, autoprobe: true }],
      warnings: [],
    })
  })

  test('gives a device so many, now and at every boot; twice is once', () => {
    const run = gpuHost()
    const words = `${network} has 3 of 64 virtual functions`
    expect(run('sriov', '81:00.0', '3')).toEqual({ status: 0, stdout: '', stderr: `${words}, now and at every boot\n` })
    expect(counts(run)[network]).toBe(3)
    expect(run('sriov', '81:00.0', '3')).toEqual({ status: 0, stdout: '', stderr: `already so: ${words}\n` })
    const { changed, functions, steps } = JSON.parse(run('sriov', '81:00.0', '0', '--json').stdout)
    expect({ changed, functions }).toEqual({ changed: true, functions: [] })
    expect(steps).toEqual([
      { action: 'write', path, value: '0' },
      { action: 'delete', path: kept },
    ])
  })

  test('all are as many as there can be; a GPU’s come by NVIDIA’s script', () => {
    const run = gpuHost()
    expect(run('sriov', '41:00.0', '8')).toMatchObject({
      status: 6,
      stderr: expect.stringMatching(/all 32 virtual functions of 0000:41:00.0 or none\nhint: vfioctl sriov .* 32;/),
    })
    expect(run('sriov', '41:00.0', 'all').stderr).toBe(
      `${l40s} has 32 of 32 virtual functions, now and at every boot\n`,
    )
    expect(counts(run)[l40s]).toBe(32)
  })

  test('--dry-run prints the exact writes and programs, and makes none', () => {
    const run = gpuHost()
    const before = counts(run)
    expect(run('sriov', '81:00.0', '2', '--dry-run')).toEqual({
      status: 0,
      stdout: `write '2' > ${path}\nsave ${kept}\n  {\n    "count": 2,\n    "vendor": "0x8086",\n    "device": "0x1592"\n  }\n`,
      stderr: '',
    })
    expect(run('sriov', '41:00.0', 'all', '--dry-run').stdout).toMatch(
      /^run \/usr\/lib\/nvidia\/sriov-manage -d 0000:41:00.0\nrun \/usr\/lib\/nvidia\/sriov-manage -e 0000:41:00.0\n/,
    )
    expect(counts(run)).toEqual(before)
  })

  test('--transient keeps nothing: after a reboot they are gone, and what was kept comes with restore', () => {
    const run = gpuHost()
    expect(run('sriov', '81:00.0', '3').status).toBe(0)
    expect(run('sriov', '81:00.0', '5', '--transient').stderr).toBe(
      `${network} has 5 of 64 virtual functions, until the next boot\n`,
    )
    expect(run('sriov', '81:00.1', '2', '--transient').status).toBe(0)
    expect(counts(run)).toMatchObject({ [network]: 5, '0000:81:00.1': 2 })
    expect(run('mock', 'reboot').status).toBe(0)
    expect(counts(run)).toMatchObject({ [network]: 0, '0000:81:00.1': 0 })
    expect(run('restore').stderr).toBe(`started: 3 virtual functions on ${network}\n`)
    expect(counts(run)).toMatchObject({ [network]: 3, '0000:81:00.1': 0 })
  })

  test('takes none away that is used: exit 5, with which, and nothing is changed', () => {
    const run = gpuHost()
    expect(run('start', '-p', '41:00.5', '-t', 'L40S-24Q').status).toBe(0)
    for (const more of [[], ['--dry-run']]) {
      const { status, stdout, stderr } = run('sriov', '41:00.0', '0', ...more)
      expect({ status, stdout }).toEqual({ status: 5, stdout: '' })
      expect(stderr).toMatch(/0000:41:00.5 is a vGPU \(NVIDIA L40S-24Q\)\nhint: .*\n$/)
    }
    expect(JSON.parse(run('sriov', '41:00.0', '0', '--json').stderr)).toMatchObject({
      error: { code: 'DEVICE_BUSY', exitCode: 5, facts: { card: l40s } },
    })
    expect(counts(run)[l40s]).toBe(4)
    expect(run('stop', '41:00.5').status).toBe(0)
    expect(run('sriov', '41:00.0', '0').status).toBe(0)
  })

  test.each([
    [3, 'eth0', '1'],
    [2, '81:00.0', 'some'],
    [2, '81:00.0', '-1'],
    [2, '81:00.0', '65'],
    [3, '99:00.0', '1'],
    [6, '82:00.0', '1'],
    [6, '41:00.4', '1'],
  ])('exit %i: %s %s', (status, device, count) => {
    expect(gpuHost()('sriov', device, count)).toEqual({
      status,
      stdout: '',
      stderr: expect.stringMatching(/^vfioctl: .*\n/),
    })
  })
})

describe('vfioctl mock reboot', () => {
  test('ends what runs and keeps the disk: definitions, and what comes up with restore', () => {
    const run = gpuHost()
    expect(run('start', '-p', '41:00.4', '-t', 'L40S-24Q').status).toBe(0)
    expect(run('define', '41:00.4', '--auto').status).toBe(0)
    expect(run('sriov', '41:00.0', 'all').status).toBe(5)
    const active = () => JSON.parse(run('list', '--json').stdout).devices.map((it: { active: boolean }) => it.active)
    expect(run('mock', 'reboot', '--dry-run')).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^forget all but the disk in .*gpu-host\n$/),
    })
    expect(active()).toEqual([true])
    expect(run('mock', 'reboot')).toEqual({
      status: 0,
      stdout: '',
      stderr: 'the simulated host gpu-host was rebooted\n',
    })
    expect(active()).toEqual([false])
    expect(run('mock', 'reboot', '--json').stdout).toContain('"dryRun": false')
    expect(run('mock', 'reset').stderr).toBe('the simulated host gpu-host starts over\n')
    expect(active()).toEqual([])
  })

  test('is of the simulated host only', () => {
    expect(vfioctl(['mock', 'reboot', '--root', '/tmp'])).toMatchObject({ status: 2, stdout: '' })
  })
})
