import { describe, expect, it } from 'vitest'
import { mockHost } from './vfioctl.ts'

const uuid = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1001'

describe('groups', () => {
  it('shows each device with its group, and which sibling with which driver spoils it', () => {
    const { status, stdout } = mockHost()('groups', '00:1f.0')
    expect(status).toBe(0)
    const [heading, ...rows] = stdout.trimEnd().split('\n')
    expect(heading).toMatch(/^GROUP +DEVICE +CLASS +ID +DRIVER +VIABLE$/)
    const why = 'no: 0000:00:1f.3 is with snd_hda_intel, 0000:00:1f.4 is with i801_smbus'
    expect(rows.map((row) => row.split(/ {2,}/))).toEqual([
      ['3', '0000:00:1f.0', '0x060100', '8086:a305', '-', why],
      ['3', '0000:00:1f.3', '0x040300', '8086:a348', 'snd_hda_intel', why],
      ['3', '0000:00:1f.4', '0x0c0500', '8086:a323', 'i801_smbus', why],
    ])
  })

  it('JSON has the same as data', () => {
    const { groups, warnings } = JSON.parse(mockHost()('groups', '-g', '3', '--json').stdout)
    expect(warnings).toEqual([])
    expect(groups).toMatchObject([
      {
        number: 3,
        viable: false,
        blockers: [
          { name: '0000:00:1f.3', driver: 'snd_hda_intel' },
          { name: '0000:00:1f.4', driver: 'i801_smbus' },
        ],
        node: null,
      },
    ])
  })

  it('a running mediated device has a viable group of its own, with a node', () => {
    const run = mockHost()
    run('start', '-u', uuid, '-p', 'mtty', '-t', 'mtty-2')
    const { groups } = JSON.parse(run('groups', uuid, '--json').stdout)
    expect(groups).toMatchObject([
      { number: 7, viable: true, node: '/dev/vfio/7', devices: [{ name: uuid, bus: 'mdev' }] },
    ])
    expect(run('groups', '/dev/vfio/7', '--json').stdout).toBe(run('groups', uuid, '--json').stdout)
  })

  it('a device that is in another group than the one asked for', () => {
    const run = mockHost()
    for (const asked of [['00:1f.0'], ['/dev/vfio/3'], ['00:1f.0', '--tree']]) {
      const { status, stdout, stderr } = run('groups', ...asked, '-g', '6')
      expect([status, stdout]).toEqual([3, ''])
      expect(stderr).toMatch(/^vfioctl: \S+ is in IOMMU group 3, not 6\nhint: vfioctl groups \S.*\n$/)
    }
    expect(run('groups', '-g', '99').stderr).toContain('there is no IOMMU group 99')
  })

  it.each([
    ['a name that is no device', ['two words'], "'two words' is not a device"],
    ['a number that is none', ['-g', '1e3'], "--group '1e3' is not a whole number"],
  ])('%s: exit 2', (_what, args, message) => {
    const { status, stderr } = mockHost()('groups', ...args)
    expect(status).toBe(2)
    expect(stderr).toContain(message)
  })
})

describe('groups --tree', () => {
  it('shows each device behind its bridge, with group, driver and ACS', () => {
    const { status, stdout } = mockHost()('groups', '--tree', '3b:00.0')
    expect(status).toBe(0)
    expect(stdout.trimEnd().split('\n')).toEqual([
      'DEVICE              ID         KIND        GROUP  DRIVER    VIABLE  RESET  ACS',
      'pci0000:3a',
      '└─ 0000:3a:00.0     8086:2030  PCI bridge  5      pcieport  yes     no     on',
      '   └─ 0000:3b:00.0  10de:1eb8  display     6      nvidia    no      no     -',
    ])
  })

  it('lists the groups of other buses after it', () => {
    const run = mockHost()
    run('start', '-u', uuid, '-p', 'mtty', '-t', 'mtty-2')
    const [tree, others] = run('groups', '--tree').stdout.split('\n\n')
    expect(tree).toContain('├─ 0000:00:1f.0')
    expect(others).toMatch(new RegExp(`^GROUP +DEVICE .*\n7 +${uuid} `))
  })

  it('JSON has the same as data', () => {
    const { roots, groups, otherGroups, warnings } = JSON.parse(
      mockHost()('groups', '--tree', '-g', '6', '--json').stdout,
    )
    expect(roots).toMatchObject([
      {
        name: 'pci0000:3a',
        children: [
          {
            name: '0000:3a:00.0',
            viable: true,
            accessControl: { enabled: expect.arrayContaining(['request-redirect']) },
            children: [
              { name: '0000:3b:00.0', group: 6, viable: false, numaNode: null, canReset: false, children: [] },
            ],
          },
        ],
      },
    ])
    expect([groups.length, otherGroups, warnings]).toEqual([1, [], []])
  })
})
