import { execFileSync } from 'node:child_process'
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { openLinux } from '../../../src/kernel/linux.ts'
import { HostTree } from '../host-tree.ts'

/** A folder of this machine that a tree's links could lead to. */
function outside(): string {
  const folder = mkdtempSync(join(tmpdir(), 'vfioctl-outside-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(join(folder, 'secret'), 'of this machine')
  return folder
}

describe('below another root', () => {
  test.each([
    ['an absolute link', (folder: string) => folder],
    ['a link that goes up', (folder: string) => `../../../../../../../..${folder}`],
    ['a link by the root of a process', (folder: string) => `/proc/self/root${folder}`],
  ])('%s leads out of it for no call', async (_how, target) => {
    const folder = outside()
    const tree = new HostTree().directory('etc').link('etc/udev', target(folder)).file('etc/mine', '')
    const { files } = openLinux({ root: tree.root })
    const calls: [string, () => unknown][] = [
      ['read', () => files.read('/etc/udev/secret')],
      ['list', () => files.list('/etc/udev')],
      ['owner', () => files.owner('/etc/udev/secret')],
      ['chmod', () => files.chmod('/etc/udev/secret', 0o600)],
      ['create', () => files.create('/etc/udev/new', '')],
      ['rename', () => files.rename('/etc/mine', '/etc/udev/mine')],
      ['unlink', () => files.unlink('/etc/udev/secret')],
      ['makeDirectory', () => files.makeDirectory('/etc/udev/new')],
    ]
    for (const [name, call] of calls) expect(call, name).toThrow(/ENOENT/)
    await expect(files.write('/etc/udev/secret', 'x')).rejects.toMatchObject({ code: 'ENOENT' })
    expect(files.kind('/etc/udev/secret')).toBeNull()
    expect(readFileSync(join(folder, 'secret'), 'utf8')).toBe('of this machine')
    expect(existsSync(join(folder, 'new')) || existsSync(join(folder, 'mine'))).toBe(false)
  })

  test('an absolute link leads to the same path of that machine, and so does one that has the root in front', () => {
    const tree = new HostTree().file('usr/share/note', 'theirs').link('etc/note', '/usr/share/note')
    tree.link('etc/also', join(tree.root, 'usr/share/note')).link('etc/up', '../../../usr/share/note')
    const { files } = openLinux({ root: tree.root })
    for (const name of ['note', 'also', 'up']) expect(files.read(`/etc/${name}`), name).toBe('theirs')
  })

  test('links in a loop are ELOOP, with the path that was asked for', () => {
    const tree = new HostTree().link('etc/a', 'b').link('etc/b', 'a')
    const read = () => openLinux({ root: tree.root }).files.read('/etc/a')
    expect(read).toThrow(expect.objectContaining({ code: 'ELOOP', path: '/etc/a' }))
  })

  test('a FIFO is not opened: whoever waits at its other end belongs to this machine', async () => {
    const tree = new HostTree().directory('etc')
    execFileSync('mkfifo', [join(tree.root, 'etc/fifo')])
    const kernel = openLinux({ root: tree.root })
    expect(() => kernel.files.read('/etc/fifo')).toThrow(/EACCES/)
    expect(() => kernel.open('/etc/fifo', 'rw')).toThrow(/EACCES/)
    await expect(kernel.files.write('/etc/fifo', 'x')).rejects.toMatchObject({ code: 'EACCES' })
  })

  test('a root whose folder was exchanged for a link is left alone', () => {
    const folder = outside()
    const tree = new HostTree().directory('image')
    const { files } = openLinux({ root: join(tree.root, 'image') })
    renameSync(join(tree.root, 'image'), join(tree.root, 'moved'))
    symlinkSync(folder, join(tree.root, 'image'))
    expect(() => files.read('/secret')).toThrow(/ENOENT/)
  })

  test('its programs do not run on this machine', async () => {
    const tree = new HostTree().file('usr/bin/true', '#!/bin/sh\n')
    const kernel = openLinux({ root: tree.root })
    await expect(kernel.runProgram('/usr/bin/true', { arguments: [], timeoutMs: 1000 })).rejects.toMatchObject({
      code: 'EPERM',
      path: '/usr/bin/true',
    })
  })
})

test.each([0o000, 0o077])('what is made has its mode whatever the umask: %o', (umask) => {
  const tree = new HostTree()
  const { files } = openLinux({ root: tree.root })
  const before = process.umask(umask)
  onTestFinished(() => void process.umask(before))
  files.makeDirectory('/etc')
  files.create('/etc/plain', '')
  files.create('/etc/secret', '', 0o600)
  const modes = ['etc', 'etc/plain', 'etc/secret'].map((path) => statSync(join(tree.root, path)).mode & 0o7777)
  expect(modes).toEqual([0o755, 0o644, 0o600])
})
