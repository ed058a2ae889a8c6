import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { mockHost } from './vfioctl.ts'

const uuid = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1001'
const folder = mkdtempSync(join(tmpdir(), 'vfioctl-guest-'))
afterAll(() => rmSync(folder, { recursive: true }))

function withDevice() {
  const run = mockHost()
  run('start', '-u', uuid, '-p', '3b:00.0', '-t', 'nvidia-222')
  return run
}

describe('qemu', () => {
  test('prints what a shell reads back as the arguments of --json', () => {
    const run = withDevice()
    const args = ['qemu', uuid, '00:1f.6', '--topology', 'bridge']
    const { status, stdout, stderr } = run(...args)
    expect(status).toBe(0)
    expect(stderr).toMatch(/^warning: 0000:00:1f\.6 is with e1000e/)
    const { stdout: words } = spawnSync('sh', ['-c', `printf '%s\\n' ${stdout}`], { encoding: 'utf8' })
    const { arguments: expected, warnings } = JSON.parse(run(...args, '--json').stdout)
    expect(words.trimEnd().split('\n')).toEqual(expected)
    expect(expected.slice(0, 2)).toEqual(['-device', 'pcie-pci-bridge,id=hostdev-bridge0'])
    expect(warnings).toHaveLength(1)
  })

  test.each([
    ['a topology', ['--topology', 'ring'], "--topology 'ring' is none of ports, flat, bridge, bridge-per-group"],
    ['a resolution', ['--display', '--resolution', '1920'], "--resolution '1920' is not a resolution"],
    ['a resolution without a display', ['--resolution', '1920x1080'], 'a resolution is for displays that are shown'],
    ['descriptors without iommufd', ['--fd', '3'], 'QEMU takes descriptors of devices with iommufd alone'],
  ])('%s that is none: exit 2', (_what, args, message) => {
    const { status, stderr } = mockHost()('qemu', '00:1f.6', ...args)
    expect(status).toBe(2)
    expect(stderr).toContain(message)
  })
})

describe('libvirt', () => {
  test('prints the elements of all devices, and the version that they need', () => {
    const { status, stdout, stderr } = withDevice()('libvirt', uuid, '00:1f.6')
    expect(status).toBe(0)
    expect(stdout.match(/^<hostdev .*>$/gm)).toEqual([
      "<hostdev mode='subsystem' type='mdev' model='vfio-pci'>",
      "<hostdev mode='subsystem' type='pci' managed='yes'>",
    ])
    expect(stderr).toContain('for libvirt 3.2.0 or later')
  })

  test('--live is for a domain that is named', () => {
    expect(mockHost()('libvirt', '00:1f.6', '--live')).toMatchObject({ status: 2, stdout: '' })
  })
})

describe('cdi', () => {
  test('writes a file whole, or none', () => {
    const run = withDevice()
    const file = join(folder, 'vfioctl.json')
    const { status, stdout, stderr } = run('cdi', uuid, '-o', file)
    expect({ status, stdout, stderr }).toEqual({
      status: 0,
      stdout: '',
      stderr: `wrote ${file}: vfioctl/device=${uuid}\n`,
    })
    expect(readFileSync(file, 'utf8')).toBe(run('cdi', uuid).stdout)
    expect(run('cdi', '00:1f.6', '-o', join(folder, 'other.json'))).toMatchObject({ status: 6 })
    expect(readdirSync(folder)).toEqual(['vfioctl.json'])
  })
})
