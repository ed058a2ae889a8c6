import { describe, expect, test } from 'vitest'
import { HostTree } from '../unit/host-tree.ts'
import { mockHost, vfioctl } from './vfioctl.ts'

const spec = `
version: 1
parents:
  - parent: 3b:00.0
    devices:
      - { type: T4-4Q, count: 2 }
`
const vgpuConfig = `version: v1
vgpu-configs:
  big: [{ devices: all, vgpu-devices: { T4-8Q: 2 } }]
  none: [{ devices: all, vgpu-devices: {} }]
`

function host() {
  const { env } = mockHost()
  return (input: string, ...args: string[]) => vfioctl([...args, '--mock'], { env, input })
}

describe('plan and apply', () => {
  test('show, check, make, and find nothing left to do', () => {
    const run = host()
    const plan = run(spec, 'plan', '-')
    expect(plan).toMatchObject({ status: 0, stderr: '2 to create; 0 to keep\n' })
    expect(plan.stdout.split('\n')[0]).toMatch(/^ACTION +DEVICE +PARENT +TYPE +REASON$/)
    expect(run(spec, 'apply', '-', '--check').status).toBe(10)
    expect(run(spec, 'apply', '-', '--dry-run').stdout).toMatch(/^# create .*\nsave \/etc\/mdevctl\.d\//)
    expect(run('', 'list', '--json').stdout).toContain('"devices": []')
    const applied = run(spec, 'apply', '-')
    expect(applied).toMatchObject({ status: 0, stdout: '' })
    expect(applied.stderr).toMatch(/^\[1\/2\] create .*\n\[2\/2\] create .*\ndone: 2 devices changed\n$/)
    expect(run(spec, 'apply', '-')).toMatchObject({
      status: 0,
      stderr: 'nothing to do: all is as it should be (2 devices)\n',
    })
    expect(run(spec, 'apply', '-', '--check').status).toBe(0)
  })

  test.each([
    [
      'drivers alone',
      [],
      'bindings: [{ device: 00:1f.3 }]',
      /^ACTION +DEVICE +DRIVER.*\nbind +0000:00:1f\.3 +vfio-pci/,
    ],
    [
      'virtual functions alone',
      ['gpu-host'],
      'parents: [{ parent: 81:00.0, sriov: 4 }]',
      /FUNCTIONS.*\nchange +0000:81:00\.0 +4/,
    ],
  ])('show a table of %s', (_, mock, content, expected) => {
    const plan = vfioctl(['plan', '-', '--mock', ...mock], { env: mockHost().env, input: `version: 1\n${content}` })
    expect(plan).toMatchObject({ status: 0, stdout: expect.stringMatching(expected) })
  })

  test('asked for the exact writes, say that a vendor’s scripts are not asked and may forbid them', () => {
    const script = '/usr/lib/mdevctl/scripts.d/callouts/licence.sh'
    const { root } = new HostTree().type('card', 'small', { available_instances: '1\n' }).file(script.slice(1), '')
    const small = 'version: 1\nparents: [{ parent: card, devices: [{ type: small }] }]'
    for (const verb of ['plan', 'apply']) {
      expect(vfioctl([verb, '-', '--dry-run', '--root', root], { input: small })).toMatchObject({
        status: 0,
        stdout: expect.stringMatching(/^# create/),
        stderr: `not asked in a dry run, and may forbid it: ${script}\n1 to create; 0 to keep\n`,
      })
    }
  })

  test('as JSON tell each device, its action and what came of it', () => {
    const run = host()
    const { entries, applied } = JSON.parse(run(spec, 'apply', '-', '--json').stdout)
    expect(entries).toMatchObject([{ action: 'create' }, { action: 'create' }])
    expect(applied).toEqual({
      done: entries.map(({ uuid }: { uuid: string }) => uuid),
      failed: [],
      takenBack: [],
      remaining: [],
    })
  })

  test('replace what a GPU carries by a config of vgpu-device-manager’s file', () => {
    const run = host()
    run(spec, 'apply', '-')
    expect(run(vgpuConfig, 'apply', '-')).toMatchObject({ status: 2, stderr: expect.stringContaining('--config big') })
    const asked = run(vgpuConfig, 'apply', '-', '--config', 'big')
    expect(asked).toMatchObject({ status: 1, stderr: expect.stringMatching(/^(end|remove) .*\n(.*\n)*hint: .*--yes/) })
    expect(run(vgpuConfig, 'apply', '-', '--config', 'big', '--yes').status).toBe(0)
    const { devices } = JSON.parse(run('', 'list', '--json').stdout)
    expect(devices.map(({ typeName }: { typeName: string }) => typeName)).toEqual(['GRID T4-8Q', 'GRID T4-8Q'])
  })

  test('a file that is no spec exits with 2 and says where, one that is not there with 3', () => {
    const run = host()
    expect(run('version: 1\nparents: 5', 'plan', '-')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('stdin:2:1: parents: must be a list'),
    })
    expect(run('', 'plan', '/no/such/file').status).toBe(3)
  })

  test('more than the card holds is said before anything is done, and exits with 6', () => {
    const run = host()
    const tooMany = spec.replace('count: 2', 'count: 5')
    for (const words of [
      ['plan', '-'],
      ['apply', '-'],
      ['apply', '-', '--check'],
      ['apply', '-', '--keep-going'],
    ]) {
      expect(run(tooMany, ...words)).toMatchObject({
        status: 6,
        stderr: expect.stringContaining(
          '0000:3b:00.0 has room for 4 more of nvidia-232 (GRID T4-4Q), and 5 are to come',
        ),
      })
    }
    expect(JSON.parse(run('', 'list', '--json').stdout).devices).toEqual([])
  })
})
