import { describe, expect, test } from 'vitest'
import { parsePciAddress } from '../../../src/base/units.ts'
import { deviceName, deviceNameOrNull, pciDevicesNamed } from '../../../src/host/device-name.ts'
import { checkOnPciBus } from '../../../src/host/pci-bus.ts'
import { hostFiles } from '../../../src/kernel/linux-files.ts'
import { HostTree, uuids } from '../host-tree.ts'

const [uuid] = uuids
const gpu = '0000:3b:00.0'

/** A GPU with a mediated device, a card of three functions, a disk, and an interface behind virtio. */
function host(): HostTree {
  const tree = new HostTree()
  for (const address of [gpu, '0000:80:04.0', '0000:80:04.1', '0000:80:04.7', '0000:00:05.0', '0001:04:00.0']) {
    tree.file(`sys/devices/pci0000:00/${address}/vendor`, '0x10de\n')
    tree.link(`sys/bus/pci/devices/${address}`, `../../../devices/pci0000:00/${address}`)
  }
  tree.directory(`sys/devices/pci0000:00/${gpu}/${uuid}`)
  tree.link(`sys/bus/mdev/devices/${uuid}`, `../../../devices/pci0000:00/${gpu}/${uuid}`)
  tree.directory(`sys/devices/pci0000:00/${gpu}/drm/card1`)
  tree.link('sys/class/drm/card1', `../../devices/pci0000:00/${gpu}/drm/card1`)
  tree.link('sys/devices/pci0000:00/0000:00:05.0/virtio2/net/eth2/device', '../../../virtio2')
  tree.link('sys/class/net/eth2', '../../devices/pci0000:00/0000:00:05.0/virtio2/net/eth2')
  tree.directory('sys/devices/pci0000:00/0000:80:04.1/nvme/nvme0/nvme0n1')
  tree.link('sys/class/block/nvme0n1', '../../devices/pci0000:00/0000:80:04.1/nvme/nvme0/nvme0n1')
  tree.directory('sys/devices/virtual/tty/tty1').link('sys/class/tty/tty1', '../../devices/virtual/tty/tty1')
  return tree.link('dev/disk/by-id/nvme-fast', '../../nvme0n1').link('dev/round', 'round')
}

function named(text: string) {
  return deviceName(hostFiles(host().root), text)
}

describe('a PCI address is read as it is printed by', () => {
  test.each([
    ['lspci', '3b:00.0'],
    ['lspci -D', '0000:3b:00.0'],
    ['nvidia-smi', '00000000:3B:00.0'],
    ['libvirt', 'pci_0000_3b_00_0'],
    ['lshw', 'pci@0000:3b:00.0'],
    ['devlink', 'pci/0000:3b:00.0'],
    ['udev (ID_PATH)', 'pci-0000:3b:00.0'],
  ])('%s: %s', (_, text) => {
    expect(deviceNameOrNull(text)).toBe(gpu)
  })

  test('the kernel, with five digits of domain behind Intel’s VMD, and nvidia-smi of the same device', () => {
    expect(deviceNameOrNull('10000:e1:00.0')).toBe('10000:e1:00.0')
    expect(deviceNameOrNull('00010000:E1:00.0')).toBe('10000:e1:00.0')
  })

  test.each(['3b:00.8', '3b:20.0', '3:00.0', '000:3b:00.0', '000000000:3b:00.0', 'pci_3b_00_0', '3b:00.0 '])(
    'nobody: %s',
    (text) => {
      expect(deviceNameOrNull(text)).toBeNull()
    },
  )
})

test.each([
  'mdev_83b8f4f2_509f_382f_3c1e_e6bfe0fa1001',
  'mdev_83b8f4f2_509f_382f_3c1e_e6bfe0fa1001_0000_3b_00_0',
  'mdev_83b8f4f2_509f_382f_3c1e_e6bfe0fa1001_matrix',
])('a mediated device is found by the name that libvirt gives it: %s', (text) => {
  expect(deviceNameOrNull(text)).toBe(uuid)
})

describe('the host tells which device is meant by', () => {
  test.each([
    ['an interface behind virtio', 'eth2', '0000:00:05.0'],
    ['a link in a class', '/sys/class/net/eth2', '0000:00:05.0'],
    ['a link in a class of a GPU', '/sys/class/drm/card1', gpu],
    ['a link on the bus', `/sys/bus/pci/devices/${gpu}`, gpu],
    ['a path through the parent', `/sys/bus/mdev/devices/${uuid}/mdev_type`, uuid],
    ['a disk’s node', '/dev/nvme0n1', '0000:80:04.1'],
    ['a link to it', '/dev/disk/by-id/nvme-fast', '0000:80:04.1'],
    ['a GPU’s node', '/dev/dri/card1', gpu],
    ['an address without its function, of a device that has one', '3b:00', gpu],
    ['the same with a star', '0000:3b:00.*', gpu],
  ])('%s', (_, text, address) => {
    expect(named(text)).toBe(address)
  })

  test.each([
    ['an address without its function, of a device with several', '80:04', 'AMBIGUOUS', '0000:80:04.0, 0000:80:04.1'],
    ['one of a device that is not there', '99:00', 'NOT_FOUND', 'no PCI device at 99:00'],
    ['a node of no device', '/dev/tty1', 'NOT_FOUND', 'behind /dev/tty1'],
    ['a node that is a link to itself', '/dev/round', 'NOT_FOUND', 'behind /dev/round'],
  ])('%s: %s is %s', (_, text, code, message) => {
    expect(() => named(text)).toThrow(expect.objectContaining({ code, message: expect.stringContaining(message) }))
  })
})

test('several functions are named by a star in place of the function', () => {
  const files = hostFiles(host().root)
  expect(pciDevicesNamed(files, '80:04.*')).toEqual(['0000:80:04.0', '0000:80:04.1', '0000:80:04.7'])
  expect(pciDevicesNamed(files, '80:04.1')).toEqual(['0000:80:04.1'])
  expect(() => pciDevicesNamed(files, '81:04.*')).toThrow(expect.objectContaining({ code: 'NOT_FOUND' }))
})

test.each([
  ['without its domain is that of domain 0000, and the one of another domain is named', '04:00.0', '0001:04:00.0'],
  ['of which only other functions are there is answered with those', '80:04.2', '0000:80:04.0 or 0000:80:04.1'],
])('an address %s', (_, text, nearest) => {
  expect(() => checkOnPciBus(hostFiles(host().root), parsePciAddress(text))).toThrow(
    expect.objectContaining({ code: 'NOT_FOUND', message: expect.stringContaining(`did you mean ${nearest}`) }),
  )
})
