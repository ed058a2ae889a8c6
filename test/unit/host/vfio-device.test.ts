import { describe, expect, test } from 'vitest'
import { deviceName } from '../../../src/host/device-name.ts'
import { findVfioDevice } from '../../../src/host/vfio-device.ts'
import { hostFiles } from '../../../src/kernel/linux-files.ts'
import { HostTree, uuids } from '../host-tree.ts'

const [uuid] = uuids
const address = '0000:03:00.0'

/** One PCI device in group 16, one mediated device in group 7, and two PCI devices in group 5. */
function host(): HostTree {
  const tree = new HostTree().mdev(uuid, 'mtty', 'mtty-2', 7)
  tree.link(`sys/kernel/iommu_groups/7/devices/${uuid}`, `../../../../devices/pci0000:00/mtty/${uuid}`)
  tree.link(`sys/devices/pci0000:00/mtty/${uuid}/driver`, '../../../../bus/mdev/drivers/mtty')
  for (const [name, group] of [
    [address, 16],
    ['0000:02:01.0', 5],
    ['0000:02:02.0', 5],
  ] as const) {
    pci(tree, name, group, 'vfio-pci')
  }
  tree.link('sys/class/net/enp3s0/device', `../../../0000:00:1c.0/${address}`)
  tree.link('sys/class/net/eth1/device', '../../../virtio0')
  return tree.link('sys/class/vfio-dev/vfio3/device', `../../../devices/pci0000:00/${address}`)
}

function pci(tree: HostTree, name: string, group: number, driver: string | null): HostTree {
  const device = `sys/devices/pci0000:00/${name}`
  tree.link(`sys/bus/pci/devices/${name}`, `../../../devices/pci0000:00/${name}`)
  tree.link(`${device}/iommu_group`, `../../../kernel/iommu_groups/${group}`)
  tree.link(`sys/kernel/iommu_groups/${group}/devices/${name}`, `../../../../devices/pci0000:00/${name}`)
  return driver === null ? tree : tree.link(`${device}/driver`, `../../../bus/pci/drivers/${driver}`)
}

function code(expected: string, message: string) {
  return expect.objectContaining({ code: expected, message: expect.stringContaining(message) })
}

describe('a device that VFIO has is found by', () => {
  test.each([
    ['its PCI address', address, address],
    ['its short PCI address', '03:00.0', address],
    ['a path in /sys', `/sys/bus/pci/devices/${address}/config`, address],
    ['a path in /sys through its parent', `/sys/devices/pci0000:00/${address}/${uuid}`, uuid],
    ["its group's node", '/dev/vfio/16', address],
    ["its group's node without an IOMMU", '/dev/vfio/noiommu-16', address],
    ['its own node', '/dev/vfio/devices/vfio3', address],
    ['its UUID, in any form', `{${uuid.toUpperCase()}}`, uuid],
    ['its network interface', 'enp3s0', address],
    ["an mdev's group's node", '/dev/vfio/7', uuid],
  ])('%s', (_, given, name) => {
    const bus = name === uuid ? 'mdev' : 'pci'
    expect(findVfioDevice(hostFiles(host().root), given)).toEqual({ bus, name, group: bus === 'pci' ? 16 : 7 })
  })
})

describe('a name', () => {
  test.each([
    ['that could be an interface’s', 'eth0', 'NOT_FOUND', 'there is no device eth0; did you mean eth1?'],
    ['of an interface of no PCI device', 'eth1', 'NOT_FOUND', 'the network interface eth1 belongs to no PCI device'],
    ['that is none', 'two words', 'INVALID_ARGUMENT', "'two words' is not a device"],
    ['with a control character', 'a\n', 'INVALID_ARGUMENT', "'a\\x0a'"],
    ['of a node that leads nowhere', '/dev/vfio/99', 'NOT_FOUND', 'behind /dev/vfio/99'],
    ['of the container', '/dev/vfio/vfio', 'NOT_FOUND', 'behind /dev/vfio/vfio'],
    ['of a device node that leads nowhere', '/dev/vfio/devices/vfio9', 'NOT_FOUND', 'behind /dev/vfio/devices/vfio9'],
    ['of a path without a device', '/sys/kernel', 'NOT_FOUND', 'behind /sys/kernel'],
    ['of a group with two devices', '/dev/vfio/5', 'AMBIGUOUS', '0000:02:01.0, 0000:02:02.0'],
  ])('%s is %s', (_, given, expected, message) => {
    expect(() => deviceName(hostFiles(host().root), given)).toThrow(code(expected, message))
  })

  test.each(['0000:04:00.0', uuids[1]])('of what is not there is NOT_FOUND: %s', (given) => {
    expect(() => findVfioDevice(hostFiles(host().root), given)).toThrow(code('NOT_FOUND', given))
  })
})

describe('a device that VFIO does not have', () => {
  test('is NOT_SUPPORTED, with the driver that has it and the command that gives it to VFIO', () => {
    const tree = pci(host(), '0000:04:00.0', 17, 'nvme')
    expect(() => findVfioDevice(hostFiles(tree.root), '04:00.0')).toThrow(
      expect.objectContaining({
        code: 'NOT_SUPPORTED',
        message: expect.stringContaining('the driver nvme has it'),
        hint: 'vfioctl bind 0000:04:00.0',
        facts: { device: '0000:04:00.0', driver: 'nvme' },
      }),
    )
  })

  test('is NOT_SUPPORTED where no driver has it', () => {
    const tree = pci(host(), '0000:04:00.0', 17, null)
    expect(() => findVfioDevice(hostFiles(tree.root), '04:00.0')).toThrow(code('NOT_SUPPORTED', 'no driver has it'))
  })
})
