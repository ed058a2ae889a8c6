import { expect, test } from 'vitest'
import { openLinux } from '../../../../src/kernel/linux.ts'
import { createMockKernel } from '../../../../src/mock/kernel/mock-kernel.ts'
import { passedDescriptors, passedEnvironment } from '../../../../src/vfio/iommu/passed-environment.ts'
import { programUser, withRights } from '../../../../src/vfio/program/drop-privileges.ts'
import { withPrivateNodes } from '../../../../src/vfio/program/private-nodes.ts'
import { runProgramWith } from '../../../../src/vfio/program/run-program.ts'
import { HostTree } from '../../host-tree.ts'

const passwd = 'root:x:0:0:root:/root:/bin/bash\nalice:x:1000:100:Alice:/home/alice:/bin/zsh\nbroken:x:abc:1::\n'

function code(expected: string) {
  return expect.objectContaining({ code: expected })
}

function hostOf(uid: number) {
  const tree = new HostTree().file('etc/passwd', passwd).file('usr/sbin/prlimit', '')
  for (const name of ['setpriv', 'unshare', 'sh', 'mount', 'mknod', 'chown']) tree.file(`usr/bin/${name}`, '')
  return { ...openLinux({ root: tree.root }).files, uid }
}

test('as root, a command is wrapped in what drops every privilege, and sets its limit before that', () => {
  const files = hostOf(0)
  const user = programUser(files, 'alice')
  expect(user).toEqual({ name: 'alice', uid: 1000, gid: 100, home: '/home/alice', shell: '/bin/zsh' })
  expect(withRights(files, ['sh', '-c', 'x'], { user, memlock: 4096 })).toEqual({
    path: '/usr/sbin/prlimit',
    arguments: [
      '--memlock=4096:4096',
      '/usr/bin/setpriv',
      '--reuid=1000',
      '--regid=100',
      '--init-groups',
      '--no-new-privs',
      '--bounding-set=-all',
      '--inh-caps=-all',
      '--',
      'sh',
      '-c',
      'x',
    ],
  })
})

test('a command that opens groups by path has a /dev/vfio of its own, with these nodes alone', () => {
  const files = hostOf(0)
  const user = programUser(files, 'alice')
  if (user === null) throw new Error('alice is a user')
  const nodes = [
    { path: '/dev/vfio/vfio', number: { major: 10, minor: 196 } },
    { path: '/dev/vfio/12', number: { major: 243, minor: 1 } },
  ]
  expect(withPrivateNodes(files, { path: '/usr/bin/setpriv', arguments: ['--', 'qemu'] }, nodes, user)).toEqual({
    path: '/usr/bin/unshare',
    arguments: [
      ...['--mount', '--propagation', 'private', '--', '/usr/bin/sh', '-c'],
      [
        '/usr/bin/mount -t tmpfs -o mode=755,nosuid,noexec vfio /dev/vfio',
        '/usr/bin/mknod -m 600 /dev/vfio/vfio c 10 196',
        '/usr/bin/mknod -m 600 /dev/vfio/12 c 243 1',
        '/usr/bin/chown 1000:100 /dev/vfio/vfio',
        '/usr/bin/chown 1000:100 /dev/vfio/12',
        'exec "$@"',
      ].join(' && '),
      ...['vfioctl', '/usr/bin/setpriv', '--', 'qemu'],
    ],
  })
})

test('without root, a command stays who we are, and gains nothing', () => {
  const files = hostOf(1000)
  expect([programUser(files, undefined), programUser(files, 'alice'), programUser(files, '1000')]).toEqual([
    null,
    null,
    null,
  ])
  expect(withRights(files, ['-odd'], { user: null, memlock: null })).toEqual({
    path: '/usr/bin/setpriv',
    arguments: ['--no-new-privs', '--', '-odd'],
  })
  expect(() => programUser(files, 'root')).toThrow(code('PERMISSION_DENIED'))
})

test('a user who is not said, not there or not whole is refused', () => {
  const files = hostOf(0)
  expect(() => programUser(files, undefined)).toThrow(code('INVALID_ARGUMENT'))
  for (const name of ['bob', 'broken', '4711', '']) expect(() => programUser(files, name)).toThrow(code('NOT_FOUND'))
})

test('without util-linux, it says what is missing', () => {
  const files = { ...openLinux({ root: new HostTree().root }).files, uid: 1000 }
  expect(() => withRights(files, ['x'], { user: null, memlock: null })).toThrow(
    expect.objectContaining({ code: 'NOT_SUPPORTED', message: expect.stringContaining('there is no setpriv') }),
  )
})

test('a simulated host passes nothing to a program', async () => {
  const kernel = createMockKernel('demo')
  await expect(runProgramWith(kernel, [], { command: ['true'] }, async () => [])).rejects.toThrow(code('NOT_SUPPORTED'))
  await expect(
    kernel.startProgram('/bin/true', { arguments: [], environment: {}, descriptors: [] }),
  ).rejects.toMatchObject({ code: 'EPERM' })
})

test.each([
  { iommufd: 3, devices: { '0000:3b:00.0': 4, '83b8f4f2-509f-382f-3c1e-e6bfe0fa1001': 5 } },
  { container: 3, groups: { 12: 4, 13: 5 } },
])('the environment tells $0 as it was told', (passed) => {
  expect(passedDescriptors(passedEnvironment(passed))).toEqual(passed)
})

test.each([
  [{}, 'NOT_FOUND'],
  [{ VFIOCTL_IOMMUFD: '3' }, 'NOT_FOUND'],
  [{ VFIOCTL_IOMMUFD: 'x', VFIOCTL_DEVICES: 'a=4' }, 'INVALID_ARGUMENT'],
  [{ VFIOCTL_DEVICES: '' }, 'INVALID_ARGUMENT'],
  [{ VFIOCTL_DEVICES: '=4' }, 'INVALID_ARGUMENT'],
  [{ VFIOCTL_GROUPS: '12=-1' }, 'INVALID_ARGUMENT'],
  [{ VFIOCTL_GROUPS: '12=4,' }, 'INVALID_ARGUMENT'],
])('an environment of %j is %s', (environment, expected) => {
  expect(() => passedDescriptors(environment)).toThrow(code(expected))
})
