import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import * as v from 'valibot'
import { expect, test } from 'vitest'
import type { HostFiles } from '../../../../src/kernel/kernel.ts'
import { openLinux } from '../../../../src/kernel/linux.ts'
import { Settings, withSettingsLock } from '../../../../src/lifecycle/settings/settings.ts'
import { HostTree } from '../../host-tree.ts'
import { crashingKernel } from '../crashing-kernel.ts'

const counts = new Settings('counts', 'count of functions', v.strictObject({ count: v.number() }))
const folder = 'etc/vfioctl.d/counts'
const card = '0000:3b:00.0'

function filesOf(tree: HostTree): HostFiles {
  return openLinux({ root: tree.root }).files
}

test('what is kept is read again, replaced, and deleted; nothing else stays in its folder', async () => {
  const tree = new HostTree().directory('etc')
  const kernel = openLinux({ root: tree.root })
  const { files } = kernel
  await withSettingsLock(
    kernel,
    () => {
      counts.save(files, card, { count: 2 })
      counts.save(files, card, { count: 4 })
    },
    {},
  )
  expect(readdirSync(join(tree.root, folder))).toEqual([`${card}.json`])
  expect(counts.read(files, card)).toEqual({ count: 4 })
  expect(files.read(counts.path(card))).toBe(counts.format({ count: 4 }))
  expect(counts.list(files)).toEqual({
    settings: [{ name: card, path: counts.path(card), value: { count: 4 } }],
    warnings: [],
  })
  counts.delete(files, card)
  counts.delete(files, card)
  expect(counts.read(files, card)).toBeNull()
  expect(readdirSync(join(tree.root, folder))).toEqual([])
})

test('one at a time changes settings', async () => {
  const kernel = openLinux({ root: new HostTree().directory('etc').root })
  const order: string[] = []
  const turn = (name: string) =>
    withSettingsLock(
      kernel,
      async () => {
        order.push(`${name} in`)
        await new Promise((resolve) => setTimeout(resolve, 50))
        order.push(`${name} out`)
      },
      {},
    )
  await Promise.all([turn('a'), turn('b')])
  expect(order.map((it) => it.split(' ')[1])).toEqual(['in', 'out', 'in', 'out'])
})

test('killed between any two calls of a save, the file is the old one or the new one, and the next save works', () => {
  const seen = new Set<string>()
  for (let changes = 0; changes < 6; changes++) {
    const kernel = openLinux({ root: new HostTree().directory('etc/vfioctl.d').root })
    const { files } = kernel
    counts.save(files, card, { count: 1 })
    try {
      counts.save(crashingKernel(kernel, changes).kernel.files, card, { count: 2 })
      seen.add('finished')
    } catch {
      seen.add('killed')
    }
    seen.add(String(counts.read(files, card)?.count))
    expect(counts.list(files).warnings).toEqual([])
    counts.save(files, card, { count: 2 })
    expect(files.list(`/${folder}`)).toEqual([`${card}.json`])
  }
  expect([...seen].sort()).toEqual(['1', '2', 'finished', 'killed'])
})

test('foreign and unreadable files are each one warning with their path; the rest is read', () => {
  const tree = new HostTree()
    .file(`${folder}/${card}.json`, '{"count":1}')
    .file(`${folder}/broken.json`, '{')
    .file(`${folder}/more.json`, '{"count":1,"size":2}')
    .file(`${folder}/notes.txt`, 'mine')
    .file(`${folder}/.other.json.new`, '{')
    .directory(`${folder}/folder.json`)
  const files = filesOf(tree)
  const { settings, warnings } = counts.list(files)
  expect(settings).toEqual([{ name: card, path: counts.path(card), value: { count: 1 } }])
  expect(warnings.map(({ path }) => path)).toEqual(
    ['broken.json', 'folder.json', 'more.json', 'notes.txt'].map((name) => `/${folder}/${name}`),
  )
  expect(() => counts.read(files, 'more')).toThrow(
    expect.objectContaining({ code: 'INVALID_SETTING', path: `/${folder}/more.json` }),
  )
})

test.each([
  ['an invalid value', { count: Number.NaN }],
  ['more than is read of a file', { count: 1, note: 'x'.repeat(1024 * 1024) }],
])('%s is not written: it could not be read back', (_, value) => {
  const files = filesOf(new HostTree().directory('etc/vfioctl.d'))
  const noted = new Settings('counts', 'count', v.strictObject({ count: v.number(), note: v.optional(v.string()) }))
  expect(() => noted.save(files, card, value)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
  expect(files.list('/etc/vfioctl.d')).toEqual([])
})

test('a host that keeps nothing has no settings, and that is no warning', () => {
  expect(counts.list(filesOf(new HostTree()))).toEqual({ settings: [], warnings: [] })
})

test.each(['../x', '..', '.x', '', 'a/b', 'a\0b', 'x'.repeat(300)])('name %j never becomes a path', (name) => {
  const tree = new HostTree().directory('etc/vfioctl.d')
  const files = filesOf(tree)
  for (const call of [() => counts.save(files, name, { count: 1 }), () => counts.read(files, name)]) {
    expect(call).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
  }
  expect(readdirSync(join(tree.root, 'etc'), { recursive: true })).toEqual(['vfioctl.d'])
})

test('a setting that others can write is not used, and is a warning in a list; saved again it is root’s alone', () => {
  const tree = new HostTree().directory('etc/vfioctl.d')
  const files = filesOf(tree)
  counts.save(files, card, { count: 1 })
  files.chmod(counts.path(card), 0o666)
  const why = expect.stringContaining('can be written by everybody')
  expect(() => counts.read(files, card)).toThrow(expect.objectContaining({ code: 'INVALID_SETTING', message: why }))
  expect(counts.list(files)).toEqual({ settings: [], warnings: [{ path: counts.path(card), message: why }] })
  counts.save(files, card, { count: 2 })
  expect(files.owner(counts.path(card)).mode).toBe(0o644)
  expect(counts.read(files, card)).toEqual({ count: 2 })
})

test('a file that is replaced keeps its mode', () => {
  const files = filesOf(new HostTree().directory('etc/vfioctl.d'))
  counts.save(files, card, { count: 1 })
  files.chmod(counts.path(card), 0o600)
  counts.save(files, card, { count: 2 })
  expect(files.owner(counts.path(card)).mode).toBe(0o600)
})
