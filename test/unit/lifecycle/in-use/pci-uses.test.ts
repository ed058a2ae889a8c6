import { describe, expect, test } from 'vitest'
import { parsePciAddress } from '../../../../src/base/units.ts'
import { hostFiles } from '../../../../src/kernel/linux-files.ts'
import { PciUses } from '../../../../src/lifecycle/in-use/pci-uses.ts'
import { HostTree, uuids } from '../../host-tree.ts'
import { stub } from '../../stub.ts'

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
  return new PciUses(hostFiles(tree.root)).of(parsePciAddress(card)).map(({ what }) => what)
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
  expect(uses(tree)).toEqual([`mediated devices run on it: ${uuids[0]}`, 'it has 2 virtual functions'])
})

test('a process that has one of its nodes open', () => {
  const tree = host()
    .file(`${device}/drm/card0/uevent`, 'MAJOR=226\nMINOR=0\nDEVNAME=dri/card0\n')
    .link('sys/dev/char/226:0', `../../devices/pci0000:3a/0000:3a:00.0/${card}/drm/card0`)
    .link('proc/812/fd/7', '/dev/dri/card0')
    .file('proc/812/comm', 'Xorg\n')
  expect(uses(tree)).toEqual(['Xorg (pid 812) has /dev/dri/card0 open'])
})

describe('a disk behind several layers', () => {
  const block = `sys/devices/pci0000:3a/0000:3a:00.0/${card}/host0/block`

  /** A device that is no disk's: dm-0, md0… */
  function virtual(tree: HostTree, name: string, files: Readonly<Record<string, string>>): HostTree {
    for (const [file, content] of Object.entries(files)) tree.file(`sys/devices/virtual/block/${name}/${file}`, content)
    return tree.link(`sys/class/block/${name}`, `../../devices/virtual/block/${name}`)
  }

  /** A disk with one partition. */
  function disk(tree: HostTree): HostTree {
    tree.file(`${block}/sda/sda1/dev`, '8:1\n').link('sys/class/block/sda1', `../../${block.slice(4)}/sda/sda1`)
    return classDevice(tree, 'sda', 'block', { dev: '8:0\n' })
  }

  test('what md, device-mapper and LVM made of its partition is in use with it, by its names, and ends if they go round', () => {
    const tree = disk(host()).file(`${block}/sda/sda1/holders/md0`, '')
    virtual(tree, 'md0', { dev: '9:0\n', 'holders/dm-0': '' })
    virtual(tree, 'dm-0', { dev: '253:0\n', 'dm/name': 'secret\n', 'holders/dm-1': '' })
    virtual(tree, 'dm-1', { dev: '253:1\n', 'dm/name': 'vg-root\n', 'holders/md0': '', 'holders/dm-2': '' })
    virtual(tree, 'dm-2', { dev: '253:2\n', 'dm/name': 'vg-swap\n' })
    tree.file('proc/1/mountinfo', '22 1 253:1 / /a\\040b rw - xfs /dev/mapper/vg-root rw\n')
    tree.file('proc/swaps', 'Filename Type Size Used Priority\n/dev/dm-2 partition 1 0 -2\n')
    expect(uses(tree)).toEqual([
      '/dev/sda1 is part of md0',
      '/dev/md0 is part of secret (dm-0)',
      '/dev/dm-0 (secret) is part of vg-root (dm-1)',
      '/dev/dm-1 (vg-root) is mounted on /a b',
      '/dev/dm-1 (vg-root) is part of vg-swap (dm-2), md0',
      '/dev/dm-2 (vg-swap) is swap space',
    ])
  })

  test('a bcache set has its cache too, which holds nothing by itself', () => {
    const set = 'd0a1e2f3-aaaa-4bbb-8ccc-112233445566'
    const tree = disk(host()).link(`${block}/sda/bcache/set`, `../../../../../../../../fs/bcache/${set}`)
    tree.link(`sys/fs/bcache/${set}/bdev0/dev`, '../../../../devices/virtual/block/bcache0')
    virtual(tree, 'bcache0', { dev: '252:0\n' })
    tree.file('proc/1/mountinfo', '22 1 252:0 / /srv rw - ext4 /dev/bcache0 rw\n')
    expect(uses(tree)).toEqual(['/dev/sda is part of bcache0', '/dev/bcache0 is mounted on /srv'])
  })

  test('files on it that are loop devices or swap space', () => {
    const tree = disk(host()).file('proc/1/mountinfo', '22 1 8:1 / /srv rw - ext4 /dev/sda1 rw\n')
    tree.file('proc/swaps', 'Filename Type Size Used Priority\n/srv/my\\040swap file 1 0 -2\n')
    virtual(tree, 'loop0', { dev: '7:0\n', 'loop/backing_file': '/srv/disk.img\n', 'holders/dm-0': '' })
    virtual(tree, 'loop1', { dev: '7:1\n', 'loop/backing_file': '/elsewhere\n' })
    expect(uses(tree)).toEqual([
      '/dev/sda1 is mounted on /srv',
      '/srv/my swap on /dev/sda1 is swap space',
      '/dev/loop0 is /srv/disk.img on /dev/sda1',
      '/dev/loop0 is part of dm-0',
    ])
  })

  test('a member of a btrfs or bcachefs that is mounted by another’s name', () => {
    const tree = disk(host())
    virtual(tree, 'sdb', { dev: '8:16\n' })
    tree.link('sys/fs/btrfs/0d1e2f30-aaaa-4bbb-8ccc-112233445566/devices/sda1', `../../../../../${block}/sda/sda1`)
    tree.link('sys/fs/btrfs/0d1e2f30-aaaa-4bbb-8ccc-112233445566/devices/sdb', '../../../../devices/virtual/block/sdb')
    tree.file(
      'proc/1/mountinfo',
      '30 1 0:26 /@ / rw - btrfs /dev/sdb rw\n31 1 0:26 /@home /home rw - btrfs /dev/sdb rw\n',
    )
    expect(uses(tree)).toEqual(['/dev/sda1 is one of 2 devices of the btrfs on / and 1 other place'])
    tree.file('proc/1/mountinfo', '31 1 0:27 / /srv rw - bcachefs /dev/sdb:/dev/sda1 rw\n')
    expect(uses(tree)).toEqual([
      '/dev/sda1 is one of 2 devices of the bcachefs on /srv',
      '/dev/sda1 is in use by btrfs',
    ])
  })

  test('a member of a ZFS pool that is imported, as udev found it', () => {
    const tree = disk(host())
      .file('proc/1/mountinfo', '')
      .file('run/udev/data/b8:1', 'E:ID_FS_TYPE=zfs_member\nE:ID_FS_LABEL=tank\n')
    expect(uses(tree)).toEqual([])
    tree.file('proc/spl/kstat/zfs/tank/state', 'ONLINE\n')
    expect(uses(tree)).toEqual(['/dev/sda1 is in use by ZFS pool tank'])
  })

  test('a disk that somebody has for himself, where nothing else tells why', () => {
    const tree = disk(host()).file('proc/1/mountinfo', '')
    const asked: string[] = []
    const isClaimed = (path: string) => asked.push(path) > 0 && path === '/dev/sda1'
    const seen = () => new PciUses(stub(hostFiles(tree.root), { isClaimed })).of(parsePciAddress(card))
    expect(seen().map(({ what }) => what)).toEqual(['/dev/sda1 is claimed by a file system, an array or a program'])
    tree.file('proc/1/mountinfo', '22 1 8:1 / /srv rw - ext4 /dev/sda1 rw\n')
    asked.length = 0
    expect(seen().map(({ what }) => what)).toEqual(['/dev/sda1 is mounted on /srv'])
    expect(asked).toEqual([])
  })

  test('an NVMe disk with several paths is each controller’s that has one', () => {
    const controller = `sys/devices/pci0000:3a/0000:3a:00.0/${card}/nvme/nvme4`
    const subsystem = 'sys/devices/virtual/nvme-subsystem/nvme-subsys0'
    const tree = host()
      .file(`${controller}/nvme0c4n2/hidden`, '1\n')
      .link('sys/class/block/nvme0c4n2', `../../${controller.slice(4)}/nvme0c4n2`)
      .link('sys/class/nvme/nvme4', `../../${controller.slice(4)}`)
    for (const name of ['nvme0n1', 'nvme0n2', 'nvme0n2/nvme0n2p1']) {
      tree.file(`${subsystem}/${name}/dev`, `259:${name.length + Number(name.at(-1))}\n`)
      tree.link(`sys/class/block/${name.split('/').at(-1)}`, `../../${subsystem.slice(4)}/${name}`)
    }
    tree.file(
      'proc/1/mountinfo',
      '22 1 259:8 / /one rw - ext4 /dev/nvme0n1 rw\n23 1 259:18 / /two rw - ext4 /dev/x rw\n',
    )
    expect(uses(tree)).toEqual(['/dev/nvme0n2p1 is mounted on /two'])
  })

  test('a disk that is mounted in a container alone', () => {
    const tree = disk(host())
      .file('proc/1/mountinfo', '22 1 8:9 / / rw - ext4 /dev/x rw\n')
      .link('proc/1/ns/mnt', 'mnt:[1]')
      .link('proc/77/ns/mnt', 'mnt:[2]')
    tree.file('proc/77/mountinfo', '22 1 8:1 / /inside rw - ext4 /dev/sda1 rw\n')
    expect(uses(tree)).toEqual(['/dev/sda1 is mounted on /inside'])
  })
})

test('a folder of its host that a virtual machine has mounted, by 9p or virtiofs', () => {
  const tree = host().file(`${device}/virtio3/mount_tag`, 'home\0')
  for (const name of ['virtio3', 'virtio4']) {
    tree.link(`sys/bus/virtio/devices/${name}`, `../../../../${device}/${name}`)
  }
  tree.link('sys/fs/virtiofs/0/device', `../../../../${device}/virtio4`).file('sys/fs/virtiofs/0/tag', 'data\n')
  tree.file(
    'proc/1/mountinfo',
    '40 1 0:31 / /home rw - 9p home rw\n41 1 0:32 / /data rw - virtiofs data rw\n42 1 0:33 / /x rw - tmpfs home rw\n',
  )
  expect(uses(tree)).toEqual(['shared folder home is mounted on /home', 'shared folder data is mounted on /data'])
})

describe('a network card', () => {
  const one = '0000:3b:00.0'
  const port = (name: string, flags = '0x1002\n') => classDevice(host(), name, 'net', { flags })

  test('a port of a bridge, and one with a VLAN, though it is down', () => {
    const net = `${device}/host0/net/eth0`
    const tree = port('eth0').link(`${net}/master`, '../br0').link(`${net}/upper_br0`, '../br0')
    tree.link(`${net}/upper_eth0.5`, '../eth0.5')
    expect(uses(tree)).toEqual(['network interface eth0 is a port of br0', 'network interface eth0.5 is on eth0'])
  })

  test('the default route through it, or through what it is a port of', () => {
    const tree = port('eth0', '0x1003\n').link(`${device}/host0/net/eth0/upper_br0`, '../br0')
    tree.file('sys/class/net/br0/flags', '0x1003\n')
    tree.file(
      'proc/net/route',
      'Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\nbr0\t00000000\t0100A8C0\t0003\t0\t0\t0\t00000000\n',
    )
    expect(uses(tree)[0]).toBe('network interface eth0 is up, and the default route leads through it (by br0)')
  })

  test('an interface that is in another network namespace', () => {
    const tree = host().directory(`${device}/net`)
    expect(uses(tree)).toEqual([`a network interface of ${one} is in another network namespace`])
  })

  test('one of virtio, whose interface is below its virtio device', () => {
    const tree = host().directory(`${device}/virtio0/net`)
    tree.link('sys/bus/virtio/devices/virtio0', `../../../../${device}/virtio0`)
    expect(uses(tree)).toEqual(['a network interface of virtio0 is in another network namespace'])
  })
})

test('a GPU whose nodes no class lists', () => {
  const tree = host()
    .file(`proc/driver/nvidia/gpus/${card.toUpperCase()}/information`, 'Model: \t A100\nDevice Minor: \t 3\n')
    .link('proc/812/fd/7', '/dev/nvidia3')
    .link('proc/813/fd/7', '/dev/nvidia0')
    .file('proc/812/comm', 'python3\n')
  expect(uses(tree)).toEqual(['python3 (pid 812) has /dev/nvidia3 open'])
})

test('a process with a descriptor that another opened, or by another name, is told by the kernel from 6.18 on', () => {
  const tree = host()
    .link('proc/812/fd/9', 'anon_inode:[vfio-device]')
    .file('proc/812/fdinfo/9', `pos:\t0\nvfio-device-syspath: /${device}\n`)
    .file('proc/812/comm', 'qemu\n')
    .link('proc/813/fd/5', '/vfio0')
    .file('proc/813/fdinfo/5', `vfio-device-syspath: /${device.replace('3b:00.0', '3b:00.1')}\n`)
  expect(uses(tree)).toEqual(['qemu (pid 812) has it open'])
})

test('a function that is a vGPU, though nobody has it open, and the card whose function it is', () => {
  const vf = '0000:3b:00.4'
  const path = `sys/devices/pci0000:3a/0000:3a:00.0/${vf}`
  const tree = host()
    .file(`${path}/nvidia/current_vgpu_type`, '1157\n')
    .link(`${path}/physfn`, `../${card}`)
    .link(`sys/bus/pci/devices/${vf}`, `../../../${path.slice(4)}`)
    .link(`${device}/virtfn0`, `../${vf}`)
  const vgpu = `${vf} is a vGPU (type 1157)`
  expect(uses(tree)).toEqual(['it has 1 virtual function', vgpu])
  expect(new PciUses(hostFiles(tree.root)).of(parsePciAddress(vf))).toEqual([{ what: vgpu, end: `vfioctl stop ${vf}` }])
})
