import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { mockHost, vfioctl } from './vfioctl.ts'

const uuid = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1001'

describe('mock list', () => {
  it('names what --mock can be', () => {
    const run = mockHost()
    expect(run('mock', 'list').stdout).toMatch(
      /^NAME +WHAT\ndemo .*\ngpu-host .*\na40-host .*\nblackwell .*\narc-pro .*\ninstinct .*\nmainframe /,
    )
    expect(JSON.parse(run('mock', 'list', '--json').stdout).map(({ name }: { name: string }) => name)).toEqual([
      'demo',
      'gpu-host',
      'a40-host',
      'blackwell',
      'arc-pro',
      'instinct',
      'mainframe',
    ])
  })

  it('and a name that none has is answered with them', () => {
    const { status, stderr } = vfioctl(['--mock=gpu-hots', 'list'])
    expect(status).toBe(3)
    expect(stderr).toContain("no simulated host 'gpu-hots': there is no such file; did you mean gpu-host?")
    expect(stderr).toContain('demo, gpu-host, a40-host, blackwell, arc-pro, instinct, mainframe')
  })
})

describe('the scenario gpu-host', () => {
  it('offers the T4’s mediated devices and the L40S’s vGPUs, whose functions are in groups that VFIO may take', () => {
    const run = mockHost()
    const { types } = JSON.parse(run('gpu-host', 'types', '--json').stdout)
    expect(new Set(types.map(({ parent }: { parent: string }) => parent))).toEqual(
      new Set(['0000:3b:00.0', '0000:41:00.0']),
    )
    const { groups } = JSON.parse(run('gpu-host', 'groups', '41:00.4', '--json').stdout)
    expect(groups).toMatchObject([
      { viable: true, blockers: [], node: '/dev/vfio/12', devices: [{ driver: 'nvidia', vfio: true }] },
    ])
    expect(run('gpu-host', 'groups', '81:00.0').stdout).toContain('0000:81:00.0 is with ice, 0000:81:00.1 is with ice')
  })

  it('says of a function without a vGPU how to make one', () => {
    const { status, stderr } = mockHost()('gpu-host', 'inspect', '41:00.4')
    expect(status).toBe(3)
    expect(stderr).toContain('no vGPU has been made of this virtual function')
    expect(stderr).toContain('vfioctl start --mock gpu-host -p 0000:41:00.4 -t TYPE')
  })

  it('says why a card offers nothing: without virtual functions no vGPUs, and a network card none at all', () => {
    const run = mockHost()
    const { stdout, stderr } = run('gpu-host', 'types', '-p', '61:00.0')
    expect(stdout).toBe('')
    expect(stderr).toContain(
      'sriov_numvfs is 0, and vGPUs are made of virtual functions: vfioctl sriov --mock gpu-host 0000:61:00.0 48',
    )
    expect(run('gpu-host', 'types', '-p', '81:00.0').stderr).toContain('0000:81:00.0 offers no virtual devices')
  })
})

describe('the scenario mainframe', () => {
  it('starts a matrix with its adapters and domains, and opens it', () => {
    const run = mockHost()
    const definition = {
      mdev_type: 'vfio_ap-passthrough',
      start: 'manual',
      attrs: [{ assign_adapter: '5' }, { assign_domain: '4' }],
    }
    const file = join(run.env['XDG_STATE_HOME'] ?? '', 'matrix.json')
    writeFileSync(file, JSON.stringify(definition))
    expect(run('mainframe', 'define', uuid, '-p', 'matrix', '--jsonfile', file)).toMatchObject({ status: 0 })
    expect(run('mainframe', 'start', uuid)).toMatchObject({ status: 0 })
    const { stdout } = run('mainframe', 'inspect', uuid)
    expect(stdout).toMatch(/^flags +reset ap$/m)
    expect(stdout).toContain('no regions')
    expect(run('mainframe', 'list').stdout).toContain('vfio_ap-passthrough')
    expect(run('mainframe', 'stop', uuid)).toMatchObject({ status: 0 })
  })

  it('takes back a matrix whose queue is kept for the host', () => {
    const run = mockHost()
    const definition = {
      mdev_type: 'vfio_ap-passthrough',
      start: 'manual',
      attrs: [{ assign_adapter: '4' }, { assign_domain: '4' }],
    }
    const file = join(run.env['XDG_STATE_HOME'] ?? '', 'matrix.json')
    writeFileSync(file, JSON.stringify(definition))
    run('mainframe', 'define', uuid, '-p', 'matrix', '--jsonfile', file)
    const { status, stderr } = run('mainframe', 'start', uuid)
    expect(status).not.toBe(0)
    expect(stderr).toContain('EADDRNOTAVAIL')
    expect(run('mainframe', 'list', '--json').stdout).not.toContain('"active": true')
  })

  it('has one channel device, of the subchannel that is with vfio_ccw', () => {
    const run = mockHost()
    expect(run('mainframe', 'start', uuid, '-p', '0.0.0313', '-t', 'vfio_ccw-io')).toMatchObject({ status: 0 })
    expect(run('mainframe', 'inspect', uuid).stdout).toMatch(/^flags +reset ccw$/m)
    expect(run('mainframe', 'start', '-p', '0.0.0313', '-t', 'vfio_ccw-io')).toMatchObject({ status: 6 })
    expect(run('mainframe', 'start', '-p', '0.0.0314', '-t', 'vfio_ccw-io')).toMatchObject({ status: 3 })
  })
})
