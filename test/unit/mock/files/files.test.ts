import { beforeEach, describe, expect, test } from 'vitest'
import type { Kernel } from '../../../../src/kernel/kernel.ts'
import { createMockKernel } from '../../../../src/mock/kernel/mock-kernel.ts'
import { asyncCodeOf, codeOf, createMdev, uuid } from '../machine.ts'

let kernel: Kernel
let files: Kernel['files']
beforeEach(() => {
  kernel = createMockKernel('demo')
  files = kernel.files
})

describe('the disk', () => {
  test('create, read, rename over, unlink', () => {
    files.create('/etc/mdevctl.d/a', 'one')
    files.create('/etc/mdevctl.d/b', 'two')
    expect(codeOf(() => files.create('/etc/mdevctl.d/a', 'x'))).toBe('EEXIST')
    files.rename('/etc/mdevctl.d/a', '/etc/mdevctl.d/b')
    expect(files.list('/etc/mdevctl.d')).toEqual(['b'])
    expect(files.read('/etc/mdevctl.d/b')).toBe('one')
    files.unlink('/etc/mdevctl.d/b')
    expect(files.kind('/etc/mdevctl.d/b')).toBeNull()
    expect(codeOf(() => files.unlink('/etc/mdevctl.d/b'))).toBe('ENOENT')
  })

  test('directories are made one at a time and removed when empty', () => {
    expect(codeOf(() => files.makeDirectory('/etc/x/y'))).toBe('ENOENT')
    files.makeDirectory('/etc/x')
    expect(codeOf(() => files.makeDirectory('/etc/x'))).toBe('EEXIST')
    files.create('/etc/x/file', '')
    expect(codeOf(() => files.removeDirectory('/etc/x'))).toBe('ENOTEMPTY')
    expect(codeOf(() => files.removeDirectory('/etc/x/file'))).toBe('ENOTDIR')
    expect(codeOf(() => files.unlink('/etc/x'))).toBe('EISDIR')
    files.rename('/etc/x', '/etc/y')
    expect(files.list('/etc/y')).toEqual(['file'])
    files.unlink('/etc/y/file')
    files.removeDirectory('/etc/y')
    expect(files.kind('/etc/y')).toBeNull()
  })

  test('rename keeps to the kinds', () => {
    files.makeDirectory('/etc/dir')
    files.create('/etc/file', '')
    expect(codeOf(() => files.rename('/etc/dir', '/etc/file'))).toBe('ENOTDIR')
    expect(codeOf(() => files.rename('/etc/file', '/etc/dir'))).toBe('EISDIR')
    expect(codeOf(() => files.rename('/etc/dir', '/etc/dir/below'))).toBe('EINVAL')
    expect(codeOf(() => files.rename('/etc/none', '/etc/dir'))).toBe('ENOENT')
  })

  test('a write goes over the start of a file and neither makes nor truncates one', async () => {
    files.create('/etc/file', 'hello')
    await files.write('/etc/file', 'J')
    expect(files.read('/etc/file')).toBe('Jello')
    expect(await asyncCodeOf(files.write('/etc/none', 'x'))).toBe('ENOENT')
  })

  test('a file is no directory, and a directory no file', () => {
    files.create('/etc/file', '')
    expect(codeOf(() => files.list('/etc/file'))).toBe('ENOTDIR')
    expect(codeOf(() => files.read('/etc/file/x'))).toBe('ENOTDIR')
    expect(codeOf(() => files.read('/etc/file/'))).toBe('ENOTDIR')
    expect(codeOf(() => files.read('/etc'))).toBe('EISDIR')
    expect(codeOf(() => files.readlink('/etc'))).toBe('EINVAL')
    expect(codeOf(() => files.syncDirectory('/etc'))).toBeNull()
    expect(files.kind('/etc/file/x')).toBeNull()
  })

  test('/sys, /proc and /dev take no files', () => {
    expect(codeOf(() => files.create('/sys/class/x', ''))).toBe('EACCES')
    expect(codeOf(() => files.makeDirectory('/sys/x'))).toBe('EPERM')
    expect(codeOf(() => files.unlink('/sys/class/mdev_bus/mtty'))).toBe('EPERM')
    expect(codeOf(() => files.removeDirectory('/sys/class'))).toBe('EPERM')
    expect(codeOf(() => files.rename('/etc', '/sys/etc'))).toBe('EPERM')
  })
})

describe('paths', () => {
  test.each([
    '/sys/class/mdev_bus/mtty/../mtty/mdev_supported_types',
    '/sys/class/mdev_bus/mtty/mdev_supported_types/',
    '//sys/./class/mdev_bus/mtty/mdev_supported_types',
    '/../../sys/devices/virtual/mtty/mtty/mdev_supported_types',
  ])('%s is where the types are', (path) => expect(files.list(path)).toEqual(['mtty-1', 'mtty-2']))

  test('names from outside reach nothing they should not', async () => {
    await createMdev(kernel, 'mtty-1', uuid)
    for (const name of ['../../../../etc/passwd', '..', '.', '', '__proto__', 'constructor', 'a\0b', 'x'.repeat(300)]) {
      const path = `/sys/bus/mdev/devices/${uuid}/${name}`
      expect(['ENOENT', 'EISDIR', 'ENAMETOOLONG']).toContain(await asyncCodeOf(files.write(path, '1')))
    }
    expect(['__proto__', 'constructor'].map((name) => files.kind(`/etc/${name}`))).toEqual([null, null])
    files.create('/etc/__proto__', 'x')
    expect(files.read('/etc/__proto__')).toBe('x')
    expect(files.list('/sys/bus/mdev/devices')).toEqual([uuid])
  })

  test('the failure names the path as it was given, and the call', () => {
    expect(() => files.read('/sys//nothing')).toThrow(
      expect.objectContaining({ code: 'ENOENT', errno: -2, syscall: 'open', path: '/sys//nothing' }),
    )
  })

  test('kind does not follow a symlink, list and read do', () => {
    expect(files.kind('/sys/class/mdev_bus/mtty')).toBe('symlink')
    expect(files.kind('/sys/class/mdev_bus/mtty/')).toBe('directory')
    expect(files.kind('/dev/vfio/vfio')).toBe('device')
    expect(files.kind('/sys/bus/pci/devices/0000:3b:00.0/vendor')).toBe('file')
  })
})

test('siblings of an IOMMU group stand in it, with their drivers', () => {
  const devices = files.list('/sys/kernel/iommu_groups/3/devices')
  expect(devices).toEqual(['0000:00:1f.0', '0000:00:1f.3', '0000:00:1f.4'])
  expect(files.readlink('/sys/bus/pci/devices/0000:00:1f.4/driver')).toBe('../../../bus/pci/drivers/i801_smbus')
  expect(files.readlink('/sys/bus/pci/devices/0000:3b:00.0')).toBe(
    '../../../devices/pci0000:3a/0000:3a:00.0/0000:3b:00.0',
  )
  expect(files.read('/sys/bus/pci/devices/0000:3b:00.0/iommu_group/devices/0000:3b:00.0/vendor')).toBe('0x10de\n')
})

test('a lock belongs to one descriptor, until it is closed', () => {
  const [first, second] = [kernel.open('/etc/mdevctl.d', 'r'), kernel.open('/etc/mdevctl.d/', 'r')]
  expect([kernel.tryLock(first), kernel.tryLock(first), kernel.tryLock(second)]).toEqual([true, true, false])
  kernel.close(first)
  expect(kernel.tryLock(second)).toBe(true)
})
