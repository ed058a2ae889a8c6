import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { afterEach, expect, it } from 'vitest'
import { vfioctl } from '../cli/vfioctl.ts'

/** Debian's own mdevctl, beside ours on the same store and the same kernel. */
function mdevctl(...args: string[]): string {
  const { status, stdout, stderr, error } = spawnSync('mdevctl', args, { encoding: 'utf8', timeout: 60_000 })
  if (error !== undefined) throw error
  expect({ args, status, stderr }).toEqual({ args, status: 0, stderr: '' })
  return stdout
}

function ours(...args: string[]): string {
  const { status, stdout, stderr } = vfioctl(args)
  expect({ args, status, stderr }).toEqual({ args, status: 0, stderr: expect.any(String) })
  return stdout
}

const uuid = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1002'
const file = `/etc/mdevctl.d/mtty/${uuid}`

afterEach(() => {
  vfioctl(['stop', uuid])
  vfioctl(['undefine', uuid])
})

function isActive(): boolean {
  const { devices } = JSON.parse(ours('list', '--json'))
  return devices.some((device: { name: string; active: boolean }) => device.name === uuid && device.active)
}

it('reads the definition that we wrote', () => {
  ours('define', '-u', uuid, '-p', 'mtty', '-t', 'mtty-2', '--auto')
  ours('modify', '-u', uuid, '--addattr', 'a/b', '--value', '5')
  ours('modify', '-u', uuid, '--addattr', 'c', '--value', '0x6', '-i', '0')
  expect(JSON.parse(mdevctl('list', '-d', '-u', uuid, '--dumpjson'))).toEqual({
    mdev_type: 'mtty-2',
    start: 'auto',
    attrs: [{ c: '0x6' }, { 'a/b': '5' }],
  })
  mdevctl('undefine', '-u', uuid)
  expect(vfioctl(['list', uuid])).toMatchObject({ status: 3, stdout: '' })
})

it('writes a definition that we read', () => {
  mdevctl('define', '-u', uuid, '-p', 'mtty', '-t', 'mtty-1', '--auto')
  mdevctl('modify', '-u', uuid, '--addattr', 'a', '--value', '5')
  expect(JSON.parse(ours('list', uuid, '--json')).devices).toMatchObject([
    {
      parent: 'mtty',
      active: false,
      definition: { type: 'mtty-1', start: 'auto', attributes: [{ name: 'a', value: '5' }] },
    },
  ])
})

it('writes the same bytes as we do', () => {
  ours('define', '-u', uuid, '-p', 'mtty', '-t', 'mtty-1')
  ours('modify', '-u', uuid, '--addattr', 'a', '--value', 'ü"\\')
  const written = readFileSync(file)
  ours('undefine', uuid)
  mdevctl('define', '-u', uuid, '-p', 'mtty', '-t', 'mtty-1')
  mdevctl('modify', '-u', uuid, '--addattr', 'a', '--value', 'ü"\\')
  expect(written.toString()).toBe(readFileSync(file, 'utf8'))
})

it('starts what we defined, and we stop what it started', () => {
  ours('define', '-u', uuid, '-p', 'mtty', '-t', 'mtty-2')
  mdevctl('start', '-u', uuid)
  expect(isActive()).toBe(true)
  ours('stop', uuid)
  expect(isActive()).toBe(false)
})

it('stops what we started, and we start what it defined', () => {
  mdevctl('define', '-u', uuid, '-p', 'mtty', '-t', 'mtty-2')
  ours('start', uuid)
  expect(mdevctl('list')).toContain(`${uuid} mtty mtty-2`)
  mdevctl('stop', '-u', uuid)
  expect(isActive()).toBe(false)
})
