import { expect, test } from 'vitest'
import { openLinux } from '../../../src/kernel/linux.ts'
import { formatDefinition } from '../../../src/lifecycle/definition/definition.ts'
import { list } from '../../../src/lifecycle/kinds/list.ts'
import { HostTree, uuids } from '../host-tree.ts'

const parent = '0000:3b:00.0'
const definition = { type: 'nvidia-222', start: 'auto', attributes: [] } as const

function tree(): HostTree {
  return new HostTree()
    .type(parent, 'nvidia-222', { name: 'GRID T4-1B\n', available_instances: '3\n', device_api: 'vfio-pci\n' })
    .mdev(uuids[0], parent, 'nvidia-222', 7)
    .mdev(uuids[1], parent, 'nvidia-222', 8)
    .definition(parent, uuids[1], formatDefinition(definition))
    .definition('matrix', uuids[2], formatDefinition({ ...definition, type: 'vfio_ap-passthrough' }))
}

function listed(host: HostTree, filter: Parameters<typeof list>[1] = {}) {
  return list(openLinux({ root: host.root }).files, filter)
}

test('what runs and what is defined is told together, by parent and UUID', () => {
  const { devices, warnings } = listed(tree())
  expect(warnings).toEqual([])
  expect(devices).toEqual([
    {
      kind: 'mdev',
      name: uuids[0],
      uuid: uuids[0],
      parent,
      type: 'nvidia-222',
      typeName: 'GRID T4-1B',
      active: true,
      definition: null,
      group: 7,
      node: '/dev/vfio/7',
      users: [],
    },
    {
      kind: 'mdev',
      name: uuids[1],
      uuid: uuids[1],
      parent,
      type: 'nvidia-222',
      typeName: 'GRID T4-1B',
      active: true,
      definition,
      group: 8,
      node: '/dev/vfio/8',
      users: [],
    },
    {
      kind: 'mdev',
      name: uuids[2],
      uuid: uuids[2],
      parent: 'matrix',
      type: 'vfio_ap-passthrough',
      typeName: null,
      active: false,
      definition: { ...definition, type: 'vfio_ap-passthrough' },
      group: null,
      node: null,
      users: [],
    },
  ])
})

test('the process that holds the node is named', () => {
  const host = tree().file('proc/4711/comm', 'qemu-system-x86\n').link('proc/4711/fd/12', '/dev/vfio/7')
  host.link('proc/4711/fd/13', '/dev/vfio/7').link('proc/99/fd/3', '/dev/null')
  // It ended before its arguments were read.
  const user = { pid: 4711, command: 'qemu-system-x86', commandLine: [], vm: null }
  expect(listed(host).devices.map(({ users }) => users)).toEqual([[user], [], []])
})

test.each([
  [{ name: uuids[1].toUpperCase() }, [uuids[1]]],
  [{ parent: 'matrix' }, [uuids[2]]],
  [{ type: 'nvidia-222' }, [uuids[0], uuids[1]]],
  [{ active: true }, [uuids[0], uuids[1]]],
  [{ active: false }, [uuids[2]]],
  [{ defined: true }, [uuids[1], uuids[2]]],
  [{ defined: false }, [uuids[0]]],
  [{ parent: 'nope' }, []],
])('filter %j', (filter, expected) => {
  expect(listed(tree(), filter).devices.map(({ uuid }) => uuid)).toEqual(expected)
})

test('a UUID defined under another parent than it runs on is two entries', () => {
  const host = tree().definition('matrix', uuids[0], formatDefinition(definition))
  const entries = listed(host, { name: uuids[0] }).devices
  expect(entries.map((entry) => [entry.parent, entry.active, entry.definition !== null])).toEqual([
    [parent, true, false],
    ['matrix', false, true],
  ])
})

test('a node whose name is no UUID, and a definition that is broken, are warnings beside the rest', () => {
  const host = tree().link('sys/bus/mdev/devices/odd', '../../../devices/odd').definition('matrix', uuids[0], '{')
  const { devices, warnings } = listed(host)
  expect(devices).toHaveLength(3)
  expect(warnings.map(({ path }) => path)).toEqual(['/sys/bus/mdev/devices/odd', `/etc/mdevctl.d/matrix/${uuids[0]}`])
})

test('where a running device has another type than its definition, its own type is told, and both are there', () => {
  const host = tree().definition(parent, uuids[0], formatDefinition({ ...definition, type: 'nvidia-36' }))
  const [device] = listed(host, { name: uuids[0] }).devices
  expect(device).toMatchObject({ type: 'nvidia-222', definition: { type: 'nvidia-36' } })
})

test('a definition whose type is a path reads nothing outside', () => {
  const host = tree().definition('matrix', uuids[0], '{"mdev_type":"../../../../secret","start":"auto"}')
  expect(listed(host).warnings).toHaveLength(1)
})
