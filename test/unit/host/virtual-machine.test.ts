import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { findDeviceUsers, shownUsers } from '../../../src/host/device-users.ts'
import { virtualMachineOf } from '../../../src/host/virtual-machine.ts'
import { openLinux } from '../../../src/kernel/linux.ts'
import { HostTree } from '../host-tree.ts'

const uuid = '7f1c9d0e-6f0a-4b6e-9d58-0f0e7a2c1b3d'

describe('a virtual machine’s name', () => {
  test.each([
    ['libvirt', ['/usr/bin/qemu-system-x86_64', '-name', 'guest=web1,debug-threads=on', '-uuid', uuid], 'web1', uuid],
    ['Proxmox', ['/usr/bin/kvm', '-id', '100', '-name', 'db,debug-threads=on', '-no-shutdown'], 'db', null],
    ['Red Hat', ['/usr/libexec/qemu-kvm', '-name', 'guest=a b'], 'a b', null],
    ['by hand', ['qemu-system-aarch64', '--name', 'lab'], 'lab', null],
    ['a comma in it', ['qemu-system-x86_64', '-name', 'guest=a,,b,process=c'], 'a,b', null],
    ['not first', ['qemu-system-x86_64', '-name', 'debug-threads=on,guest=web2'], 'web2', null],
    ['given twice', ['qemu-system-x86_64', '-name', 'one', '-name', 'two'], 'two', null],
    ['none', ['qemu-system-x86_64', '-m', '128', '-uuid', uuid], null, uuid],
    ['not said', ['qemu-system-x86_64', '-name'], null, null],
    ['empty', ['qemu-system-x86_64', '-name', 'guest='], null, null],
  ])('%s', (_, argv, name, itsUuid) => {
    expect(virtualMachineOf(argv)).toEqual({ name, uuid: itsUuid })
  })

  test.each([
    [[]],
    [['/usr/bin/node', '-name', 'web1']],
    [['qemu']],
    [['bash', 'qemu-system-x86_64', '-name', 'web1']],
    [['/opt/qemu-7/bin/tool', '-name', 'x']],
  ])('is not looked for in %j', (argv) => {
    expect(virtualMachineOf(argv)).toBe(null)
  })

  test('is found or not in whatever a process says of itself', () => {
    const argument = fc.oneof(fc.string(), fc.constantFrom('-name', '--name', '-uuid', 'guest=', ',,', 'a,guest=b'))
    fc.assert(
      fc.property(fc.array(argument), (given) => {
        const found = virtualMachineOf(['qemu-system-x86_64', ...given])
        for (const value of [found?.name, found?.uuid]) expect(value === null || typeof value === 'string').toBe(true)
      }),
    )
  })
})

describe('who holds a device', () => {
  function held(cmdline: string) {
    const host = new HostTree().file('proc/4711/comm', 'qemu-system-x86\n').file('proc/4711/cmdline', cmdline)
    host.link('proc/4711/fd/12', '/dev/vfio/7')
    return findDeviceUsers(openLinux({ root: host.root }).files, new Set(['/dev/vfio/7'])).get('/dev/vfio/7') ?? []
  }

  test('is told with the arguments and the virtual machine', () => {
    const users = held('/usr/bin/qemu-system-x86_64\0-name\0guest=web1,debug-threads=on\0-S\0')
    expect(users).toEqual([
      {
        pid: 4711,
        command: 'qemu-system-x86',
        commandLine: ['/usr/bin/qemu-system-x86_64', '-name', 'guest=web1,debug-threads=on', '-S'],
        vm: { name: 'web1', uuid: null },
      },
    ])
    expect(shownUsers(users)).toBe('qemu-system-x86 (pid 4711, VM web1)')
  })

  test('does no harm to a terminal, nor by its length', () => {
    expect(shownUsers(held('kvm\0-name\0a\x1b[2J\nb\0'))).toBe('qemu-system-x86 (pid 4711, VM a\\x1b[2J\\x0ab)')
    const [user] = held(`kvm\0${'x'.repeat(200_000)}\0`)
    expect(user?.commandLine.join('\0')).toHaveLength(64 * 1024)
  })
})
