import fc from 'fast-check'
import type { Call } from './call.ts'

const uuids = ['5f000000-0000-4000-8000-000000000001', '5f000000-0000-4000-8000-000000000002'] as const

const parents = [
  ['mtty', 'mtty-1'],
  ['mtty', 'mtty-2'],
  ['mdpy', 'mdpy-vga'],
  ['mdpy', 'mdpy-xga'],
  ['mdpy', 'mdpy-hd'],
] as const
const type = fc.constantFrom(
  ...parents.map(([parent, name]) => `/sys/class/mdev_bus/${parent}/mdev_supported_types/${name}`),
)
const device = fc.constantFrom(
  '/sys/bus/mdev/devices/$mtty',
  '/sys/bus/mdev/devices/$mdpy',
  ...uuids.map((uuid) => `/sys/bus/mdev/devices/${uuid}`),
)
const edu = '/sys/bus/pci/devices/$edu'

function write(path: fc.Arbitrary<string>, text: fc.Arbitrary<string>): fc.Arbitrary<Call> {
  return fc.record({ kind: fc.constant('file write'), path, text })
}

function look(how: 'read' | 'list' | 'link', path: fc.Arbitrary<string>): fc.Arbitrary<Call> {
  return fc.record({ kind: fc.constant('file'), path, how: fc.constant(how) })
}

/** A folder, and a name in it. */
function inside(folder: fc.Arbitrary<string>, ...names: string[]): fc.Arbitrary<string> {
  return fc.tuple(folder, fc.constantFrom(...names)).map(([path, name]) => `${path}/${name}`)
}

const create = write(
  inside(type, 'create'),
  fc.constantFrom(
    ...[...uuids, ...uuids, '$mtty', uuids[0].toUpperCase(), `${uuids[1]}\n`, `${uuids[1]}\n\n`, `${uuids[0]}x`],
    ...['', '\n', 'nonsense', '{}', uuids[0].slice(1), uuids[0].replaceAll('-', ''), uuids[0].replace('5f', '5g')],
    ...[` ${uuids[0]}`, `{${uuids[0]}}`, uuids[0].replaceAll('-', '_')],
  ),
)
const remove = write(
  inside(device, 'remove'),
  fc.constantFrom('1', '1', '1', '1\n', '0', 'x', '0x1', '-1', '', '\n', '+1', ' 1', '01', '18446744073709551616'),
)
const mdevAttributes = look(
  'read',
  inside(type, 'available_instances', 'device_api', 'name', 'description', 'create', ''),
)
const mdevLists = look(
  'list',
  fc.oneof(
    inside(type, 'devices'),
    fc.constantFrom(
      ...['/sys/bus/mdev/devices', '/sys/class/mdev_bus', '/dev/nothing'],
      ...['mtty', 'mdpy'].map((parent) => `/sys/class/mdev_bus/${parent}/mdev_supported_types`),
      ...['$mtty', '$edu', '$mdpy'].map((name) => `/sys/kernel/iommu_groups/$(${name.slice(1)})/devices`),
    ),
  ),
)
const mdevLinks = look(
  'link',
  inside(device, 'mdev_type', 'driver', 'subsystem', 'iommu_group/devices/$mtty', 'remove'),
)
const ofDevice = look('read', inside(device, 'vendor/sample_mdev_dev', 'vendor/resolution', 'remove', 'uevent'))
const badWrites = write(inside(type, 'available_instances', 'name', 'none'), fc.constantFrom('1', ''))

const override = write(
  fc.constant(`${edu}/driver_override`),
  fc.constantFrom('vfio-pci', 'vfio-pci\n', '', '\n', 'none', 'x'.repeat(4094), 'x'.repeat(4095), 'a\nb', '\nvfio-pci'),
)
const bind = write(
  fc.constantFrom(
    '/sys/bus/pci/drivers/vfio-pci/bind',
    '/sys/bus/pci/drivers/vfio-pci/unbind',
    '/sys/bus/pci/drivers/vfio-pci/unbind',
    `${edu}/driver/unbind`,
    '/sys/bus/pci/drivers_probe',
    '/sys/bus/pci/drivers_probe',
    '/sys/bus/pci/drivers/none/bind',
  ),
  fc.constantFrom('$edu', '$edu', '$edu', '$edu', '$edu\n', '$edu ', '', '\n', 'nonsense', '0000:ff:00.0', '01:00.0'),
)
const pciAttributes = look(
  'read',
  inside(
    fc.constant(edu),
    ...['driver_override', 'vendor', 'device', 'class', 'subsystem_vendor', 'subsystem_device', 'revision', 'none'],
    ...['modalias', 'enable', 'reset_method', 'reset', 'uevent'],
  ),
)
const reset = write(fc.constant(`${edu}/reset`), fc.constantFrom('1', '1\n', '0', '2', '', 'x', '-1'))
const pciLinks = look('link', inside(fc.constant(edu), 'driver', 'subsystem', 'vendor'))
const group = look('list', fc.constantFrom('/sys/kernel/iommu_groups/$(edu)/devices', `${edu}/iommu_group/devices`))

/** The files of mediated devices: their making and taking away. */
export const mdevCalls: readonly fc.Arbitrary<Call>[] = [
  create,
  create,
  create,
  remove,
  remove,
  mdevAttributes,
  mdevAttributes,
  mdevLists,
  mdevLinks,
  ofDevice,
  badWrites,
]
/** The files of a PCI device: which driver has it. */
export const pciCalls: readonly fc.Arbitrary<Call>[] = [
  override,
  bind,
  bind,
  bind,
  pciAttributes,
  pciLinks,
  group,
  reset,
]
