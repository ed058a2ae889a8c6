import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { VfioError } from '../../../../src/base/errors.ts'
import { openLinux } from '../../../../src/kernel/linux.ts'
import type { HostChange } from '../../../../src/lifecycle/watch/host-change.ts'
import { watchHost } from '../../../../src/lifecycle/watch/watch-host.ts'
import { HostTree, uuids } from '../../host-tree.ts'

const gpu = '0000:3b:00.0'
const definition = '{ "mdev_type": "nvidia-222", "start": "auto", "attrs": [] }'

/** A host of files alone, of which the kernel tells nothing, and all that is there told. */
async function watched() {
  const tree = new HostTree().type(gpu, 'nvidia-222', { device_api: 'vfio-pci', available_instances: '16' })
  mkdirSync(join(tree.root, 'etc'))
  const stop = new AbortController()
  onTestFinished(() => stop.abort())
  const changes = watchHost(openLinux({ root: tree.root }), { signal: stop.signal })
  const next = async (): Promise<string> => {
    const { value } = await changes.next()
    return shown(value)
  }
  expect(await next()).toBe('type present nvidia-222')
  return { tree, next }
}

function shown(told: HostChange): string {
  const { what, change } = told
  if (what === 'warning') return `${what} ${change} ${told.warning.path}`
  return `${what} ${change} ${what === 'type' ? told.type.type : told.device.name}`
}

test('definitions are told as their files and folders come, change, break and go', async () => {
  const { tree, next } = await watched()
  const file = `etc/mdevctl.d/${gpu}/${uuids[0]}`
  tree.file(file, definition)
  expect(await next()).toBe(`definition appeared ${uuids[0]}`)
  writeFileSync(join(tree.root, file), definition.replace('auto', 'manual'))
  expect(await next()).toBe(`definition changed ${uuids[0]}`)
  writeFileSync(join(tree.root, file), '{')
  expect([await next(), await next()]).toEqual([`definition gone ${uuids[0]}`, `warning appeared /${file}`])
  rmSync(join(tree.root, 'etc/mdevctl.d'), { recursive: true })
  expect(await next()).toBe(`warning gone /${file}`)
  tree.file(file, definition)
  expect(await next()).toBe(`definition appeared ${uuids[0]}`)
})

test('devices are told where nothing tells of them: they are looked for', async () => {
  const { tree, next } = await watched()
  tree.mdev(uuids[0], gpu, 'nvidia-222', 7)
  expect(await next()).toBe(`device appeared ${uuids[0]}`)
  rmSync(join(tree.root, `sys/bus/mdev/devices/${uuids[0]}`))
  expect(await next()).toBe(`device gone ${uuids[0]}`)
})

test('where the kernel’s events go elsewhere, the reason is told, and the host is looked at', async () => {
  const tree = new HostTree().type(gpu, 'nvidia-222', { device_api: 'vfio-pci', available_instances: '16' })
  const stop = new AbortController()
  onTestFinished(() => stop.abort())
  const kernel = openLinux({ root: tree.root })
  const reason = new VfioError('NOT_SUPPORTED', 'none comes here', { path: '/proc/self/ns/net' })
  kernel.watchUevents = () => Promise.reject(reason)
  const changes = watchHost(kernel, { signal: stop.signal })
  const told = [(await changes.next()).value, (await changes.next()).value]
  expect(told.find(({ what }) => what === 'warning')).toMatchObject({
    warning: { path: '/proc/self/ns/net', message: 'none comes here; looking once a second' },
  })
  tree.mdev(uuids[0], gpu, 'nvidia-222', 7)
  expect(shown((await changes.next()).value)).toBe(`device appeared ${uuids[0]}`)
})

test('a watch of one parent tells nothing of others', async () => {
  const [other, api] = ['0000:5e:00.0', { device_api: 'vfio-pci', available_instances: '16' }]
  const tree = new HostTree().type(gpu, 'nvidia-222', api).type(other, 'nvidia-223', api)
  const stop = new AbortController()
  onTestFinished(() => stop.abort())
  const changes = watchHost(openLinux({ root: tree.root }), { signal: stop.signal, parent: gpu })
  const next = async () => shown((await changes.next()).value)
  expect(await next()).toBe('type present nvidia-222')
  tree.mdev(uuids[0], other, 'nvidia-223', 7).mdev(uuids[1], gpu, 'nvidia-222', 8)
  expect(await next()).toBe(`device appeared ${uuids[1]}`)
  rmSync(join(tree.root, `sys/bus/mdev/devices/${uuids[0]}`))
  rmSync(join(tree.root, `sys/bus/mdev/devices/${uuids[1]}`))
  expect(await next()).toBe(`device gone ${uuids[1]}`)
})
