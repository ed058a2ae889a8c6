import { expect, test } from 'vitest'
import { readPciUses } from '../../../src/host/pci-uses.ts'
import { hostFiles } from '../../../src/kernel/linux-files.ts'
import { parsePciAddress } from '../../../src/units.ts'
import { HostTree, uuids } from '../host-tree.ts'

const card = '0000:3b:00.0'
const device = `sys/devices/pci0000:3a/0000:3a:00.0/${card}`

function host(): HostTree {
  return new HostTree()
    .file(`${device}/class`, '0x020000\n')
    .link(`sys/bus/pci/devices/${card}`, `../../../devices/pci0000:3a/0000:3a:00.0/${card}`)
    .file('proc/1/mountinfo', '22 1 8:1 / / rw - ext4 /dev/root rw\n')
    .file('proc/swaps', 'Filename Type Size Used Priority\n/dev/sda2 partition 1 0 -2\n')
}

/** A device of a class, below the card. */
function classDevice(tree: HostTree, name: string, kind: string, files: Readonly<Record<string, string>>): HostTree {
  for (const [file, content] of Object.entries(files)) tree.file(`${device}/host0/${kind}/${name}/${file}`, content)
  return tree.link(`sys/class/${kind}/${name}`, `../../devices/pci0000:3a/0000:3a:00.0/${card}/host0/${kind}/${name}`)
}

function uses(tree: HostTree): string[] {
  return readPciUses(hostFiles(tree.root), parsePciAddress(card))
}

test('a device that nothing uses', () => {
  expect(uses(host())).toEqual([])
})

test('a network interface that is up, and not one that is down', () => {
  const tree = classDevice(host(), 'eth0', 'net', { flags: '0x1003\n' })
  expect(uses(classDevice(tree, 'eth1', 'net', { flags: '0x1002\n' }))).toEqual(['network interface eth0 is up'])
})

test('another card’s interface is not its use', () => {
  const tree = host()
    .file('sys/devices/pci0000:00/0000:00:1f.6/net/eth9/flags', '0x1003\n')
    .link('sys/class/net/eth9', '../../devices/pci0000:00/0000:00:1f.6/net/eth9')
  expect(uses(tree)).toEqual([])
})

test('a disk that is mounted, by its number or its name; one that is swap; one that others are made of', () => {
  const tree = classDevice(host(), 'sda1', 'block', { dev: '8:1\n' })
  classDevice(tree, 'sda2', 'block', { dev: '8:2\n' })
  classDevice(tree, 'sda3', 'block', { dev: '8:3\n', 'holders/dm-0': '' })
  classDevice(tree, 'sda4', 'block', { dev: '8:4\n' })
  tree.file(
    'proc/1/mountinfo',
    '22 1 8:1 / / rw shared:1 - ext4 /dev/root rw\n23 1 0:42 / /srv rw - btrfs /dev/sda4 rw\n',
  )
  expect(uses(tree)).toEqual([
    '/dev/sda1 is mounted on /',
    '/dev/sda2 is swap space',
    '/dev/sda3 is part of dm-0',
    '/dev/sda4 is mounted on /srv',
  ])
})

test('virtual functions and mediated devices', () => {
  const tree = host().link(`${device}/virtfn0`, '../0000:3b:00.1').link(`${device}/virtfn1`, '../0000:3b:00.2')
  tree
    .link(`sys/bus/mdev/devices/${uuids[0]}`, `../../../devices/pci0000:3a/0000:3a:00.0/${card}/${uuids[0]}`)
    .link(`${device}/${uuids[0]}/mdev_type`, '../mdev_supported_types/nvidia-222')
  expect(uses(tree)).toEqual(['it has 2 virtual functions', `mediated devices run on it: ${uuids[0]}`])
})

test('a process that has one of its nodes open', () => {
  const tree = host()
    .file(`${device}/drm/card0/uevent`, 'MAJOR=226\nMINOR=0\nDEVNAME=dri/card0\n')
    .link('sys/dev/char/226:0', `../../devices/pci0000:3a/0000:3a:00.0/${card}/drm/card0`)
    .link('proc/812/fd/7', '/dev/dri/card0')
    .file('proc/812/comm', 'Xorg\n')
  expect(uses(tree)).toEqual(['Xorg (pid 812) has /dev/dri/card0 open'])
})
