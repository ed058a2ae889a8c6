import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { systemError } from '../../../../../src/base/system-error.ts'
import { parseUuid } from '../../../../../src/base/units.ts'
import type { HostFiles } from '../../../../../src/kernel/kernel.ts'
import { openLinux } from '../../../../../src/kernel/linux.ts'
import { type Definition, formatDefinition } from '../../../../../src/lifecycle/definition/definition.ts'
import {
  definedParents,
  deleteDefinition,
  readDefinition,
  readDefinitions,
  saveDefinition,
} from '../../../../../src/lifecycle/kinds/mdev/store.ts'
import { HostTree, uuids } from '../../../host-tree.ts'
import { crashingKernel } from '../../crashing-kernel.ts'

const uuid = parseUuid(uuids[0])
const before: Definition = { type: 'mtty-1', start: 'manual', attributes: [] }
const after: Definition = { type: 'mtty-2', start: 'auto', attributes: [{ name: 'a', value: 'b' }] }

function filesOf(tree: HostTree): HostFiles {
  return openLinux({ root: tree.root }).files
}

test('a saved definition is the one file that its folder holds, and nothing else stays', () => {
  const tree = new HostTree().directory('etc/mdevctl.d')
  const files = filesOf(tree)
  saveDefinition(files, { uuid, parent: 'mtty', definition: before })
  saveDefinition(files, { uuid, parent: 'mtty', definition: after })
  expect(readdirSync(join(tree.root, 'etc/mdevctl.d/mtty'))).toEqual([uuid])
  expect(readFileSync(join(tree.root, 'etc/mdevctl.d/mtty', uuid), 'utf8')).toBe(formatDefinition(after))
})

test('killed between any two calls of a save, the file is the old one or the new one, and the next save works', () => {
  const seen = new Set<string>()
  for (let changes = 0; changes < 6; changes++) {
    const kernel = openLinux({ root: new HostTree().directory('etc/mdevctl.d').root })
    const { files } = kernel
    saveDefinition(files, { uuid, parent: 'mtty', definition: before })
    try {
      saveDefinition(crashingKernel(kernel, changes).kernel.files, { uuid, parent: 'mtty', definition: after })
      seen.add('finished')
    } catch {
      seen.add('killed')
    }
    const stored = readDefinition(files, 'mtty', uuid)
    expect([before, after]).toContainEqual(stored)
    seen.add(stored?.type ?? 'none')
    expect(readDefinitions(files).warnings).toEqual([])
    saveDefinition(files, { uuid, parent: 'mtty', definition: after })
    expect(files.list('/etc/mdevctl.d/mtty')).toEqual([uuid])
  }
  expect([...seen].sort()).toEqual(['finished', 'killed', 'mtty-1', 'mtty-2'])
})

test('foreign and unreadable files are each one warning with their path; the rest is read', () => {
  const tree = new HostTree()
    .definition('mtty', uuids[0], formatDefinition(before))
    .definition('mtty', uuids[1], '{ not json')
    .definition('mtty', 'notes.txt', 'mine')
    .definition('mtty', `.${uuids[2]}.new`, '{')
    .directory(`etc/mdevctl.d/mtty/${uuids[2]}`)
    .file('etc/mdevctl.d/stray', 'x')
    .file('etc/mdevctl.d/scripts.d/callouts/check.sh', '#!/bin/sh')
    .definition('matrix', uuids[0].toUpperCase(), formatDefinition(before))
  const { definitions, warnings } = readDefinitions(filesOf(tree))
  expect(definitions).toEqual([{ uuid, parent: 'mtty', definition: before }])
  expect(warnings.map(({ path }) => path).sort()).toEqual([
    `/etc/mdevctl.d/matrix/${uuids[0].toUpperCase()}`,
    `/etc/mdevctl.d/mtty/${uuids[1]}`,
    `/etc/mdevctl.d/mtty/${uuids[2]}`,
    '/etc/mdevctl.d/mtty/notes.txt',
    '/etc/mdevctl.d/stray',
  ])
})

test('a host without a store has no definitions, and that is no warning', () => {
  expect(readDefinitions(filesOf(new HostTree()))).toEqual({ definitions: [], warnings: [] })
})

test('a broken definition can be found and deleted', () => {
  const files = filesOf(new HostTree().definition('mtty', uuids[0], '{'))
  expect(definedParents(files, uuid)).toEqual(['mtty'])
  expect(() => readDefinition(files, 'mtty', uuid)).toThrow(expect.objectContaining({ code: 'INVALID_DEFINITION' }))
  deleteDefinition(files, 'mtty', uuid)
  expect(definedParents(files, uuid)).toEqual([])
})

test('folders of odd names and links in a loop keep no other definition from being found, and can be deleted from', () => {
  const odd = ['a\u001b[7mb', 'x'.repeat(200), 'a b\n', '-p', '\u202e']
  const tree = new HostTree().definition('mtty', uuids[1], formatDefinition(before)).link('etc/mdevctl.d/loop', 'loop')
  for (const parent of odd) tree.definition(parent, uuids[0], '{')
  const files = filesOf(tree)
  expect(definedParents(files, parseUuid(uuids[1]))).toEqual(['mtty'])
  expect(definedParents(files, uuid)).toEqual([...odd].sort())
  expect(readDefinitions(files).warnings).toHaveLength(odd.length + 1)
  for (const parent of odd) deleteDefinition(files, parent, uuid)
  expect(definedParents(files, uuid)).toEqual([])
})

test('a store that cannot be read may have the definition: that is the error', () => {
  const files = filesOf(new HostTree().directory('etc/mdevctl.d/mtty'))
  const denied: HostFiles = {
    ...files,
    kind: (path) => {
      if (path.endsWith(uuid)) throw systemError('EACCES', 'lstat', path)
      return files.kind(path)
    },
  }
  expect(() => definedParents(denied, uuid)).toThrow(expect.objectContaining({ code: 'PERMISSION_DENIED' }))
  expect(definedParents(denied, parseUuid(uuids[1]))).toEqual([])
})

test('the folder of the callout scripts is no parent', () => {
  const files = filesOf(new HostTree().directory('etc/mdevctl.d'))
  expect(() => saveDefinition(files, { uuid, parent: 'scripts.d', definition: before })).toThrow(
    expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
  )
})

test('an empty folder stands neither for a definition nor in the way of one; a full one is named with what helps', () => {
  const tree = new HostTree().directory(`etc/mdevctl.d/mtty/.${uuid}.new`).directory(`etc/mdevctl.d/mtty/${uuids[1]}`)
  const files = filesOf(tree)
  saveDefinition(files, { uuid, parent: 'mtty', definition: before })
  deleteDefinition(files, 'mtty', parseUuid(uuids[1]))
  expect(files.list('/etc/mdevctl.d/mtty')).toEqual([uuid])
  const path = `/etc/mdevctl.d/mtty/.${uuid}.new`
  tree.file(`${path}/inside`, '')
  expect(() => saveDefinition(files, { uuid, parent: 'mtty', definition: after })).toThrow(
    expect.objectContaining({ path, errno: 'ENOTEMPTY', hint: expect.stringContaining(`rm -r ${path}`) }),
  )
  expect(readDefinition(files, 'mtty', uuid)).toEqual(before)
})

test.each(['../x', '..', '.', '', 'a/b', 'a\0b', 'x'.repeat(300)])('parent name %j never becomes a path', (parent) => {
  const tree = new HostTree().directory('etc/mdevctl.d')
  const files = filesOf(tree)
  expect(() => saveDefinition(files, { uuid, parent, definition: before })).toThrow(
    expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
  )
  expect(readdirSync(join(tree.root, 'etc'), { recursive: true })).toEqual(['mdevctl.d'])
})
