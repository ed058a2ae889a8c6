import { expect, test } from 'vitest'
import { openLinux } from '../../../src/kernel/linux.ts'
import { readMdevTypes } from '../../../src/lifecycle/kinds/mdev/mdev-types.ts'
import { HostTree, uuids } from '../host-tree.ts'

function types(tree: HostTree, filter = {}) {
  return readMdevTypes(openLinux({ root: tree.root }).files, filter)
}

const good = { name: 'Dual port serial\n', device_api: 'vfio-pci\n', available_instances: '12\n' }

test('a type is told as its files say, with the devices that stand in its folder', () => {
  const tree = new HostTree().type('mtty', 'mtty-2', good)
  tree.link(`sys/devices/pci0000:00/mtty/mdev_supported_types/mtty-2/devices/${uuids[0]}`, `../../../${uuids[0]}`)
  expect(types(tree)).toEqual({
    types: [
      {
        kind: 'mdev',
        parent: 'mtty',
        type: 'mtty-2',
        name: 'Dual port serial',
        deviceApi: 'vfio-pci',
        available: 12,
        description: null,
        details: { framebufferMiB: null, maxResolution: null, heads: null, maxInstances: null },
        devices: [uuids[0]],
      },
    ],
    warnings: [],
  })
})

test.each([
  ['4294967295\n', 4294967295],
  ['0\n', 0],
])('available_instances %j is unsigned, as the kernel prints it', (text, available) => {
  const tree = new HostTree().type('mtty', 'mtty-2', { ...good, available_instances: text })
  expect(types(tree)).toMatchObject({ types: [{ available }], warnings: [] })
})

test.each(['abc\n', '-1\n', '4294967296\n', '', '1e3\n'])(
  'available_instances %j is a warning with its path, and the type is still told',
  (text) => {
    const tree = new HostTree().type('mtty', 'mtty-2', { ...good, available_instances: text })
    const path = '/sys/class/mdev_bus/mtty/mdev_supported_types/mtty-2/available_instances'
    expect(types(tree)).toMatchObject({ types: [{ type: 'mtty-2', available: null }], warnings: [{ path }] })
  },
)

test('a parent without types is a warning, and the others are told', () => {
  const tree = new HostTree().type('mtty', 'mtty-2', good).directory('sys/class/mdev_bus/0000:99:00.0')
  const found = types(tree)
  expect(found.types).toHaveLength(1)
  expect(found.warnings).toMatchObject([{ path: '/sys/class/mdev_bus/0000:99:00.0/mdev_supported_types' }])
})

test('no mediated device support is a warning that names the modules', () => {
  expect(types(new HostTree())).toMatchObject({
    types: [],
    warnings: [{ message: expect.stringContaining('module mdev') }],
  })
})

test('sorted by parent, then type, and filtered by either', () => {
  const tree = new HostTree().type('b', 't2', good).type('b', 't1', good).type('a', 't2', good)
  const names = (filter = {}) => types(tree, filter).types.map(({ parent, type }) => `${parent} ${type}`)
  expect(names()).toEqual(['a t2', 'b t1', 'b t2'])
  expect(names({ parent: 'b' })).toEqual(['b t1', 'b t2'])
  expect(names({ type: 't2' })).toEqual(['a t2', 'b t2'])
})
