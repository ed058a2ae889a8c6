import { describe, expect, test } from 'vitest'
import { withoutGivenNames } from '../../../../src/lifecycle/doctor/given-names.ts'
import { redacted } from '../../../../src/lifecycle/doctor/redacted.ts'
import { createMockKernel } from '../../../../src/mock/kernel/mock-kernel.ts'
import { gpuHost } from '../../../../src/mock/shipped/gpu-host.ts'
import { createMockHost } from '../../../../src/mock.ts'

const uuid = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1001'

function filesOf(hostname: string) {
  return createMockKernel({ ...gpuHost, disk: { ...gpuHost.disk, '/proc/sys/kernel/hostname': `${hostname}\n` } }).files
}

describe('what tells a host from others is taken out of a text', () => {
  test.for([
    [`root=UUID=${uuid} ro`, 'root=UUID=REDACTED ro'],
    [`${uuid}, ${uuid.toUpperCase()} and 00000000-0000-0000-0000-000000000001`, 'UUID-1, UUID-1 and UUID-2'],
    ['52:54:00:12:34:56 and 0000:81:00.0', 'MAC-1 and 0000:81:00.0'],
    ['ip=192.168.1.7:::255.255.255.0', 'ip=IP-1:::IP-2'],
    ['ip=[2001:db8::7]:eth0 and fe80::1, not 0000:81:00.0', 'ip=[IP-1]:eth0 and IP-2, not 0000:81:00.0'],
    ['systemd.machine_id=0123456789abcdef0123456789abcdef', 'systemd.machine_id=ID-1'],
    [
      'root=/dev/disk/by-id/nvme-Maker_S1234 ID_SERIAL_SHORT=S1234',
      'root=/dev/disk/by-id/REDACTED ID_SERIAL_SHORT=REDACTED',
    ],
    ['/home/ada/vm/disk.qcow2', '/home/USER/vm/disk.qcow2'],
    ['node7.rack.example and node7', 'HOST and HOST'],
    ['ID_SERIAL=WD-1234 serial=x9', 'ID_SERIAL=REDACTED serial=REDACTED'],
  ] as const)('%s', ([text, expected]) => {
    expect(redacted(filesOf('node7.rack.example'), text)).toBe(expected)
  })

  test('a host name that says nothing stays', () => {
    expect(redacted(filesOf('localhost'), 'console=ttyS0 localhost')).toBe('console=ttyS0 localhost')
  })
})

test('names that people gave are replaced as words of their own, the longer of two first', () => {
  const names = { guest: ['web', 'web-2', 'a+b'], net: ['br0', 'br0.100'], user: [] }
  const other = withoutGivenNames(names)
  expect(other('web, web-2 (a+b) on br0.100 and br0: webs, my-web, xbr0')).toBe(
    'guest2, guest3 (guest1) on net2 and net1: webs, my-web, xbr0',
  )
})

test.for([
  [
    '0::/machine.slice/machine-qemu\\x2d1\\x2dweb\\x2d2.scope/libvirt',
    '0::/machine.slice/machine-qemu\\x2d1\\x2dguest2.scope/libvirt',
  ],
  ['machine-qemu\\x2d17\\x2dweb.scope: killed', 'machine-qemu\\x2d17\\x2dguest1.scope: killed'],
  ['backup-ada.service, sync@ada.timer, vm-web-2.service', 'backup-user1.service, sync@user1.timer, vm-guest2.service'],
  ['web.service and webs.service', 'guest1.service and webs.service'],
  ['my-web of /srv/x-ada, adapter.service', 'my-web of /srv/x-ada, adapter.service'],
] as const)('of a unit’s name, those parts are replaced that people gave: %s', ([text, expected]) => {
  expect(withoutGivenNames({ guest: ['web', 'web-2'], net: [], user: ['ada'] })(text)).toBe(expected)
})

test('a name that is like a replacement is replaced once', () => {
  const other = withoutGivenNames({ guest: ['a', 'guest1'], net: [], user: [] })
  expect(other('a.service, guest1.service, vm-a.scope')).toBe('guest1.service, guest2.service, vm-guest1.scope')
})

test('a report has the findings, the kernel, groups, devices and types, and the UUIDs by their numbers', async () => {
  await using host = createMockHost({
    ...gpuHost,
    disk: { ...gpuHost.disk, '/proc/cmdline': 'intel_iommu=on quiet\n' },
  }).host()
  const [type] = host.types().types.filter(({ available }) => available !== 0)
  await host.start({ parent: type?.parent ?? '', type: type?.type ?? '' })
  const text = await host.report({ program: 'vfioctl 0.0.0' })
  const report: unknown = JSON.parse(text)
  expect(report).toMatchObject({
    program: 'vfioctl 0.0.0',
    commandLine: 'intel_iommu=on quiet',
    diagnosis: { healthy: (await host.doctor()).healthy },
    devices: [{ name: expect.stringMatching(/^UUID-\d+$/) }],
    groups: expect.arrayContaining([expect.objectContaining({ number: 9 })]),
  })
  for (const { name } of host.list().devices) expect(text).not.toContain(name)
})
