import { execFileSync } from 'node:child_process'
import { truncateSync } from 'node:fs'
import { dirname, join } from 'node:path'
import * as v from 'valibot'
import { expect, test } from 'vitest'
import { hostFiles } from '../../../../src/kernel/linux-files.ts'
import { readDefinitions } from '../../../../src/lifecycle/kinds/mdev/store.ts'
import { Settings } from '../../../../src/lifecycle/settings/settings.ts'
import { HostTree, uuids } from '../../host-tree.ts'

type Make = (tree: HostTree, path: string) => unknown

/** Things that may stand in a file's place, and the words of the kernel or the parser for them. */
const oddFiles: readonly [what: string, make: Make, why: RegExp][] = [
  ['a pipe', (tree, path) => madeBy(tree, path, 'mkfifo'), /EACCES/],
  ['a folder', (tree, path) => tree.directory(path), /EISDIR/],
  ['a link to nothing', (tree, path) => tree.link(path, 'nothing'), /ENOENT/],
  ['a link to a device outside the root', (tree, path) => tree.link(path, '/dev/zero'), /ENOENT/],
  ['a link to itself', (tree, path) => tree.link(path, path.split('/').at(-1) ?? ''), /ELOOP/],
  ['a file of nothing', (tree, path) => tree.file(path, ''), /^is no(?:t a)? .*: Unexpected end/],
  ['a file of a tebibyte', (tree, path) => truncateSync(join(tree.file(path, '').root, path), 2 ** 40), /EFBIG/],
]

function madeBy(tree: HostTree, path: string, program: string): void {
  tree.directory(dirname(path))
  execFileSync(program, [join(tree.root, path)])
}

const [odd = '', sound = ''] = uuids
const content = '{"mdev_type":"mtty-1","start":"auto","attrs":[]}'

test.each(oddFiles)('%s in place of a definition is one warning, and the others are read', (_what, make, why) => {
  const tree = new HostTree().definition('mtty', sound, content)
  make(tree, `etc/mdevctl.d/mtty/${odd}`)
  const { definitions, warnings } = readDefinitions(hostFiles(tree.root))
  expect(definitions.map(({ uuid }) => uuid)).toEqual([sound])
  expect(warnings).toEqual([{ path: `/etc/mdevctl.d/mtty/${odd}`, message: expect.stringMatching(why) }])
})

test.each(oddFiles)('%s in place of a setting is one warning, and the others are read', (_what, make, why) => {
  const tree = new HostTree().file('etc/vfioctl.d/numbers/sound.json', '1')
  make(tree, 'etc/vfioctl.d/numbers/odd.json')
  const { settings, warnings } = new Settings('numbers', 'number', v.number()).list(hostFiles(tree.root))
  expect(settings.map(({ name }) => name)).toEqual(['sound'])
  expect(warnings).toEqual([{ path: '/etc/vfioctl.d/numbers/odd.json', message: expect.stringMatching(why) }])
})
