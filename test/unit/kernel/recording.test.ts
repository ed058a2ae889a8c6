import { expect, test } from 'vitest'
import { isSystemError, systemError } from '../../../src/base/system-error.ts'
import { account } from '../../../src/host/accounts.ts'
import { deviceName } from '../../../src/host/device-name.ts'
import { captureHost } from '../../../src/host-capture.ts'
import type { HostFiles } from '../../../src/kernel/kernel.ts'
import { openLinux } from '../../../src/kernel/linux.ts'
import { recordedFiles } from '../../../src/kernel/recording/recorded-files.ts'
import type { RecordedHost } from '../../../src/kernel/recording/recorded-host.ts'
import { recordedText } from '../../../src/kernel/recording/recorded-text.ts'
import { RecordingFiles } from '../../../src/kernel/recording/recording-files.ts'
import { RecordedFiles } from '../../../src/mock/recorded/recorded-files.ts'
import { HostTree } from '../host-tree.ts'
import { stub } from '../stub.ts'

const uuid = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1001'

/** A host with a mediated device that a virtual machine has open. */
function host(): HostTree {
  return new HostTree()
    .type('0000:3b:00.0', 'nvidia-222', { device_api: 'vfio-pci\n', available_instances: '1\n', name: 'GRID T4-1B\n' })
    .mdev(uuid, '0000:3b:00.0', 'nvidia-222', 7)
    .directory('sys/bus/pci')
    .directory('etc/mdevctl.d')
    .file('proc/2841/comm', 'qemu-system-x86\n')
    .file('proc/2841/cmdline', `qemu-system-x86_64\0-name\0guest=web1\0-object\0secret,id=s,data=topsecret\0`)
    .link('proc/2841/fd/3', '/dev/vfio/7')
    .link('proc/2841/fd/4', '/var/lib/libvirt/images/private.qcow2')
    .file('proc/2841/environ', 'PASSWORD=topsecret\0')
    .file('proc/3000/comm', 'editor\n')
    .link('proc/3000/fd/3', '/home/alice/diary')
}

function recordingOf(tree: HostTree, redact = false) {
  return captureHost(openLinux({ root: tree.root }), { redact }).scenario.recorded
}

test('of processes, those are recorded that have a device open, with no other file of theirs', () => {
  const { files } = recordingOf(host())
  expect(Object.keys(files).filter((path) => path.startsWith('/proc/'))).toEqual([
    '/proc/2841',
    '/proc/2841/fd',
    '/proc/2841/fd/3',
    '/proc/2841/comm',
    '/proc/2841/cmdline',
  ])
  expect(JSON.stringify(files)).not.toMatch(/diary|private|PASSWORD/)
})

test('redacted, a command line is the program and a name of its guest', () => {
  const { files } = recordingOf(host(), true)
  expect(files['/proc/2841/cmdline']).toBe('qemu-system-x86_64\0-name\0guest=guest1\0')
})

test('of files that tell of more than VFIO, the lines are recorded that are looked for', () => {
  const tree = host()
    .file('etc/pve/qemu-server/100.conf', '# password: topsecret\nnet0: virtio=aa:bb\nhostpci0: 0000:3b:00.0\n')
    .file(
      'var/log/audit/audit.log',
      'type=USER_LOGIN acct="alice"\ntype=AVC avc:  denied  { read } path="/dev/vfio/7"\n',
    )
  const { files } = recordingOf(tree)
  expect(files).toMatchObject({
    '/etc/pve/qemu-server/100.conf': '\n\nhostpci0: 0000:3b:00.0\n',
    '/var/log/audit/audit.log': 'type=AVC avc:  denied  { read } path="/dev/vfio/7"',
  })
})

test('a file that may not be read refuses as it did, whatever else was asked of it before', () => {
  const tree = host().file('etc/secret', 'x')
  const { files } = openLinux({ root: tree.root })
  const read = (path: string, largest?: number) => {
    if (path === '/etc/secret') throw systemError('EACCES', 'open', path)
    return files.read(path, largest)
  }
  const recording = new RecordingFiles(stub(files, { read }), 1)
  const ask = (asked: Pick<HostFiles, 'read' | 'list' | 'readlink' | 'kind'>) =>
    [
      () => asked.readlink('/etc/secret'),
      () => asked.list('/etc/secret'),
      () => asked.kind('/etc/secret'),
      () => asked.read('/etc/secret'),
      () => asked.readlink('/etc'),
      () => asked.read('/etc'),
      () => asked.list('/etc/none'),
      () => asked.list('/etc/mdevctl.d'),
    ].map((question) => {
      try {
        return question()
      } catch (error) {
        return isSystemError(error) ? [error.code, error.path] : error
      }
    })
  const said = ask(recording)
  expect(said).toContainEqual(['EACCES', '/etc/secret'])
  const recorded: RecordedHost = {
    program: null,
    uid: 0,
    byteOrder: 'little',
    files: recordedFiles(recording.entries),
    devices: [],
    unseen: [],
  }
  expect(ask(new RecordedFiles(recorded))).toEqual(said)
})

test('a device is known by its interface, and by its node', () => {
  const card = 'sys/devices/pci0000:00/0000:3b:00.0'
  const tree = host()
    .link('sys/class/net/eth2', '../../devices/pci0000:00/0000:3b:00.0/net/eth2')
    .link(`${card}/net/eth2/device`, '../../../0000:3b:00.0')
    .link('sys/class/drm/card1', '../../devices/pci0000:00/0000:3b:00.0/drm/card1')
    .directory(`${card}/drm/card1`)
    .link('sys/bus/pci/devices/0000:3b:00.0', '../../../devices/pci0000:00/0000:3b:00.0')
  const files = new RecordedFiles(recordingOf(tree))
  expect(deviceName(files, 'eth2')).toBe('0000:3b:00.0')
  expect(deviceName(files, '/dev/dri/card1')).toBe('0000:3b:00.0')
})

test('of modules.alias, VFIO’s lines are recorded, and of built-in modules those of PCI devices', () => {
  const text = 'alias usb:v1d2* x\nalias vfio_pci:v*d*sv*sd*bc*sc*i* vfio_pci\nalias pci:v* y\n'
  expect(recordedText('/usr/lib/modules/6.12.0/modules.alias', text)).toBe('alias vfio_pci:v*d*sv*sd*bc*sc*i* vfio_pci')
  const builtIn = 'ahci.alias=pci:v1*\0ahci.license=GPL\0rtc.alias=acpi*:X:*\0xhci_pci.alias=pci:v2*\0'
  const kept = 'ahci.alias=pci:v1*\0xhci_pci.alias=pci:v2*'
  expect(recordedText('/lib/modules/6.18.0/modules.builtin.modinfo', builtIn)).toBe(kept)
})

test('redacted, what tells hosts apart is replaced everywhere by others of its kind, in the same order', () => {
  const other = '93b8f4f2-509f-382f-3c1e-e6bfe0fa1002'
  const tree = host()
    .mdev(other, '0000:3b:00.0', 'nvidia-222', 8)
    .file('proc/sys/kernel/hostname', 'node17.example.org\n')
    .file(
      'proc/cmdline',
      `root=UUID=${uuid} ip=10.1.2.3 BOOTIF=aa:bb:cc:dd:ee:ff name=node17 disk=0123456789abcdef0123456789abcdef\n`,
    )
  const { files } = recordingOf(tree, true)
  const text = JSON.stringify(files)
  expect(text).not.toMatch(/3b:00|83b8f4f2|93b8f4f2|node17|10\.1\.2\.3|aa:bb|0123456789abcdef/)
  expect(files['/proc/cmdline']).toBe(
    'root=UUID=REDACTED ip=192.0.2.1 BOOTIF=02:00:00:00:00:01 name=HOST disk=00000000000000000000000000000001\n',
  )
  const device = '/sys/devices/pci0000:00/0000:01:00.0/00000000-0000-4000-8000-00000000000'
  expect(Object.keys(files)).toEqual(expect.arrayContaining([`${device}1`, `${device}2`]))
  expect(files['/sys/bus/mdev/devices/00000000-0000-4000-8000-000000000001']).toEqual({
    kind: 'symlink',
    target: '../../../devices/pci0000:00/0000:01:00.0/00000000-0000-4000-8000-000000000001',
  })
})

test('redacted, guests, interfaces and users have other names, and stay where they were', () => {
  const card = 'sys/devices/pci0000:00/0000:3b:00.0'
  const tree = host()
    .link('sys/class/net/acme-uplink', '../../devices/pci0000:00/0000:3b:00.0/net/acme-uplink')
    .file(`${card}/net/acme-uplink/uevent`, 'INTERFACE=acme-uplink\n')
    .link('sys/bus/pci/devices/0000:3b:00.0', '../../../devices/pci0000:00/0000:3b:00.0')
    .link('proc/812/fd/7', '/dev/vfio/7')
    .file('proc/812/comm', 'qemu-system-x86\n')
    .file('proc/812/cmdline', 'qemu-system-x86_64\0-name\0guest=acme-erp,debug-threads=on\0-drive\0file=/acme.img\0')
    .file('etc/passwd', 'root:x:0:0:root:/root:/bin/sh\nmallory:x:1000:1000:Mallory M:/srv/mallory:/bin/sh\n')
    .file('etc/security/limits.conf', 'mallory - memlock 64\n')
  const recorded = recordingOf(tree, true)
  expect(JSON.stringify(recorded)).not.toMatch(/acme|mallory/i)
  const files = new RecordedFiles(recorded)
  expect(deviceName(files, 'net1')).toBe('0000:01:00.0')
  expect(files.read('/proc/812/cmdline')).toBe('qemu-system-x86_64\0-name\0guest=guest1,debug-threads=on\0')
  expect(files.read('/etc/security/limits.conf')).toBe('user1 - memlock 64\n')
  expect(account(files, 'user1')).toEqual({ uid: 1000, name: 'user1', gids: [1000] })
})

test.each(['vfio', 'kernel', 'etc', 'pci'])('a host that is called %s is still read when it is redacted', (name) => {
  const tree = host().file('proc/sys/kernel/hostname', `${name}\n`)
  const { files } = recordingOf(tree, true)
  expect(Object.keys(files)).toEqual(expect.arrayContaining(['/sys/bus/mdev/devices', '/dev/vfio', '/etc/mdevctl.d']))
})
