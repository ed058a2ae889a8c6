import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { parseDefinition } from '../../src/lifecycle/definition/definition.ts'
import { HostTree, uuids } from '../unit/host-tree.ts'
import { expectFiftyAtOnce } from './fifty-at-once.ts'
import { mockHost, program } from './vfioctl.ts'

const uuid = uuids[0]

async function run(...args: string[]): Promise<number> {
  const child = spawn(process.execPath, [program, ...args], { stdio: 'ignore' })
  const [status] = await once(child, 'exit')
  return status
}

function host(): HostTree {
  const tree = new HostTree().directory('etc/mdevctl.d')
  for (let n = 1; n <= 6; n++) tree.type('mtty', `mtty-${n}`, { available_instances: '24\n', device_api: 'vfio-pci\n' })
  return tree
}

it('six commands define one UUID differently at once: one does, five are refused, the file is whole', async () => {
  const { root } = host()
  const types = [1, 2, 3, 4, 5, 6].map((n) => `mtty-${n}`)
  const statuses = await Promise.all(
    types.map((type) => run('define', '--root', root, '-u', uuid, '-p', 'mtty', '-t', type)),
  )
  expect([...statuses].sort()).toEqual([0, 1, 1, 1, 1, 1])
  const folder = join(root, 'etc/mdevctl.d/mtty')
  expect(readdirSync(folder)).toEqual([uuid])
  const { type } = parseDefinition(readFileSync(join(folder, uuid), 'utf8'), uuid)
  expect(type).toBe(types[statuses.indexOf(0)])
})

it('six commands modify one definition at once: none of their changes is lost', async () => {
  const { root } = host()
  await run('define', '--root', root, '-u', uuid, '-p', 'mtty', '-t', 'mtty-1')
  const names = ['a', 'b', 'c', 'd', 'e', 'f']
  const statuses = await Promise.all(
    names.map((name) => run('modify', '--root', root, '-u', uuid, '--addattr', name, '--value', '1')),
  )
  expect(statuses).toEqual([0, 0, 0, 0, 0, 0])
  const text = readFileSync(join(root, 'etc/mdevctl.d/mtty', uuid), 'utf8')
  expect(
    parseDefinition(text, uuid)
      .attributes.map(({ name }) => name)
      .sort(),
  ).toEqual(names)
})

it('fifty commands define, start, stop and modify at once: each does what it is asked for, and nothing is lost', async () => {
  await expectFiftyAtOnce({ options: ['--mock'], env: mockHost().env })
}, 180_000)

it('killed at any moment, a modify leaves the old definition or the new one', async () => {
  const { root } = host()
  await run('define', '--root', root, '-u', uuid, '-p', 'mtty', '-t', 'mtty-1')
  const file = join(root, 'etc/mdevctl.d/mtty', uuid)
  let attributes = 0
  for (let round = 0; round < 12; round++) {
    const args = ['modify', '--root', root, '-u', uuid, '--addattr', 'a', '--value', 'x'.repeat(20_000)]
    const child = spawn(process.execPath, [program, ...args], { stdio: 'ignore' })
    setTimeout(() => child.kill('SIGKILL'), 40 + round * 8)
    await once(child, 'exit')
    const now = parseDefinition(readFileSync(file, 'utf8'), uuid).attributes.length
    expect([attributes, attributes + 1]).toContain(now)
    attributes = now
  }
})
