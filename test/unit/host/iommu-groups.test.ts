import { describe, expect, test } from 'vitest'
import { readIommuGroups } from '../../../src/host/iommu-groups.ts'
import { hostFiles } from '../../../src/kernel/linux-files.ts'
import { createMockKernel } from '../../../src/mock/kernel/mock-kernel.ts'
import { vmScenario } from '../../contract/vm-scenario.ts'
import { HostTree, uuids } from '../host-tree.ts'

const edu = '0000:00:03.0'

interface Pci {
  readonly group: number
  readonly driver?: string
  readonly ids?: Readonly<Record<string, string>>
}

const ids = { class: '0x020000', vendor: '0x8086', device: '0x10d3' }

function hostWith(devices: Readonly<Record<string, Pci>>): HostTree {
  const host = new HostTree()
  for (const [address, { group, driver, ids: own = ids }] of Object.entries(devices)) {
    const device = `sys/devices/pci0000:00/${address}`
    for (const [name, value] of Object.entries(own)) host.file(`${device}/${name}`, `${value}\n`)
    host.link(`sys/bus/pci/devices/${address}`, `../../../devices/pci0000:00/${address}`)
    host.link(`sys/kernel/iommu_groups/${group}/devices/${address}`, `../../../../devices/pci0000:00/${address}`)
    host.file(`sys/kernel/iommu_groups/${group}/type`, 'DMA-FQ\n')
    if (driver !== undefined) host.link(`${device}/driver`, `../../../bus/pci/drivers/${driver}`)
  }
  return host
}

function groupsOf(host: HostTree, filter = {}) {
  return readIommuGroups(hostFiles(host.root), filter)
}

test.each([
  ['a PC', (host: HostTree) => host, /^has no group: this machine has no IOMMU, or it is off \(intel_iommu=on /],
  [
    'a mainframe',
    (host: HostTree) => host.file('sys/bus/css/drivers_probe', ''),
    /^has no group: a mainframe has groups for its PCI functions and for mediated devices alone[^=]*$/,
  ],
  [
    'a machine whose IOMMU has no group',
    (host: HostTree) => host.directory('sys/class/iommu/0000:00:1e.0'),
    /^has no group: the kernel knows an IOMMU \(0000:00:1e\.0\), .*virtio-iommu, .*a root port instead/,
  ],
])('%s without a group is told what would give it one', (_, machine, message) => {
  const { warnings } = groupsOf(machine(new HostTree().directory('sys/kernel/iommu_groups')))
  expect(warnings).toEqual([{ path: '/sys/kernel/iommu_groups', message: expect.stringMatching(message) }])
})

describe('an IOMMU group', () => {
  test('is told with its devices, what they are, and how it is used', () => {
    const host = hostWith({ '0000:03:00.0': { group: 16, driver: 'vfio-pci' } }).file('dev/vfio/16', '')
    expect(groupsOf(host)).toEqual({
      groups: [
        {
          number: 16,
          type: 'DMA-FQ',
          devices: [{ name: '0000:03:00.0', bus: 'pci', driver: 'vfio-pci', vfio: true, ...ids, node: null }],
          viable: true,
          blockers: [],
          node: '/dev/vfio/16',
          users: [],
        },
      ],
      withoutGroup: [],
      warnings: [],
    })
  })

  test('may be missing until a first driver has the device: it is told apart, where others have theirs', async () => {
    const pci = vmScenario.pci.map((device) =>
      device.address === edu ? { ...device, groupedWhenProbed: true } : device,
    )
    const { files } = createMockKernel({ ...vmScenario, pci })
    const isIn = () => readIommuGroups(files).groups.some(({ devices }) => devices.some(({ name }) => name === edu))
    expect(isIn()).toBe(false)
    expect(readIommuGroups(files).withoutGroup).toMatchObject([{ name: edu, driver: null, vendor: '0x1234' }])
    expect(readIommuGroups(files, { device: edu }).withoutGroup).toHaveLength(1)
    expect(readIommuGroups(files, { number: 3 }).withoutGroup).toEqual([])
    await files.write(`/sys/bus/pci/devices/${edu}/driver_override`, 'vfio-pci')
    await files.write('/sys/bus/pci/drivers_probe', edu)
    expect([isIn(), readIommuGroups(files).withoutGroup]).toEqual([true, []])
    expect(files.kind('/dev/vfio/3')).toBe('device')
    await files.write(`/sys/bus/pci/devices/${edu}/driver/unbind`, edu)
    expect(isIn()).toBe(true)
  })

  test('is missing everywhere on a machine without an IOMMU: then no device is listed for that', () => {
    const { files } = createMockKernel({
      ...vmScenario,
      pci: vmScenario.pci.map((device) => ({ ...device, iommuGroup: null })),
    })
    const { groups, withoutGroup, warnings } = readIommuGroups(files)
    expect([groups, withoutGroup, warnings.length]).toEqual([[], [], 1])
  })

  test('is not viable where one of its devices has a driver of the host, and that one is named', () => {
    const host = hostWith({
      '0000:00:1f.2': { group: 14, driver: 'vfio-pci' },
      '0000:00:1f.0': { group: 14 },
      '0000:00:1f.3': { group: 14, driver: 'i801_smbus' },
    })
    expect(groupsOf(host).groups).toMatchObject([
      { viable: false, blockers: [{ name: '0000:00:1f.3', driver: 'i801_smbus' }] },
    ])
  })

  test.each(['vfio-pci', 'mlx5_vfio_pci', 'pci-stub', 'pcieport', undefined])('is viable with driver %s', (driver) => {
    const host = hostWith({ '0000:03:00.0': { group: 1, ...(driver === undefined ? {} : { driver }) } })
    expect(groupsOf(host).groups).toMatchObject([{ viable: true, blockers: [] }])
  })

  test('of a mediated device is viable, whatever the name of its driver', () => {
    const [uuid] = uuids
    const host = new HostTree().mdev(uuid, '0000:00:02.0', 'i915-GVTg_V5_4', 7)
    host.link(`sys/kernel/iommu_groups/7/devices/${uuid}`, `../../../../devices/pci0000:00/0000:00:02.0/${uuid}`)
    host.link(`sys/devices/pci0000:00/0000:00:02.0/${uuid}/driver`, '../../../../bus/mdev/drivers/kvmgt')
    expect(groupsOf(host).groups).toMatchObject([
      { number: 7, type: null, viable: true, devices: [{ name: uuid, bus: 'mdev', class: null, driver: 'kvmgt' }] },
    ])
  })

  test('has the node of a device without an IOMMU', () => {
    const host = hostWith({ '0000:03:00.0': { group: 0, driver: 'vfio-pci' } }).file('dev/vfio/noiommu-0', '')
    expect(groupsOf(host).groups).toMatchObject([{ node: '/dev/vfio/noiommu-0' }])
  })
})

describe('of several groups', () => {
  const devices = { '0000:00:02.0': { group: 10 }, '0000:00:03.0': { group: 9 }, '0000:00:04.0': { group: 10 } }

  test('all are told by their numbers', () => {
    expect(groupsOf(hostWith(devices)).groups.map(({ number }) => number)).toEqual([9, 10])
  })

  test.each([
    [{ number: 9 }, [9]],
    [{ device: '0000:00:04.0' }, [10]],
    [{ device: '0000:00:05.0' }, []],
    [{ number: 9, device: '0000:00:04.0' }, []],
  ])('%j finds %j', (filter, numbers) => {
    expect(groupsOf(hostWith(devices), filter).groups.map(({ number }) => number)).toEqual(numbers)
  })
})

describe('what cannot be read', () => {
  test('is a warning, and the device is told without it', () => {
    const host = hostWith({ '0000:03:00.0': { group: 1, ids: { ...ids, vendor: 'rubbish' } } })
    expect(groupsOf(host)).toMatchObject({
      groups: [{ devices: [{ vendor: null, device: '0x10d3' }] }],
      warnings: [
        { path: '/sys/bus/pci/devices/0000:03:00.0/vendor', message: expect.stringContaining("says 'rubbish'") },
      ],
    })
  })

  test('of a machine without groups is the reason for having none', () => {
    const without = { groups: [], warnings: [{ message: expect.stringContaining('no IOMMU') }] }
    expect(groupsOf(new HostTree())).toMatchObject(without)
    expect(groupsOf(new HostTree().directory('sys/kernel/iommu_groups'))).toMatchObject(without)
  })
})
