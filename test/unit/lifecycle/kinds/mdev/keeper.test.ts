import { expect, onTestFinished, test } from 'vitest'
import { parseUuid } from '../../../../../src/base/units.ts'
import { findMdevDevice } from '../../../../../src/lifecycle/kinds/mdev/mdev-devices.ts'
import { start } from '../../../../../src/lifecycle/kinds/mdev/start.ts'
import { stop } from '../../../../../src/lifecycle/kinds/mdev/stop.ts'
import { createMockKernel } from '../../../../../src/mock/kernel/mock-kernel.ts'
import { openDevice } from '../../../../../src/vfio/device.ts'

const uuid = parseUuid('83b8f4f2-509f-382f-3c1e-e6bfe0fa1001')

async function running() {
  const kernel = createMockKernel('demo')
  onTestFinished(() => kernel.dispose())
  await start(kernel, { uuid, parent: 'mtty', type: 'mtty-1' })
  const { node, group } = findMdevDevice(kernel.files, uuid) ?? {}
  return { kernel, node: node ?? '', group: group ?? null }
}

test('a group that the asking process has open, as libvirt does to keep others out, is no obstacle', async () => {
  const { kernel, node } = await running()
  const group = kernel.open(node, 'rw')
  const busy = { code: 'DEVICE_BUSY', facts: { users: [{ pid: kernel.pid }] } }
  await expect(stop(kernel, { uuid })).rejects.toMatchObject(busy)
  await expect(stop(kernel, { uuid }, { keeper: kernel.pid + 1 })).rejects.toMatchObject(busy)
  expect(await stop(kernel, { uuid }, { keeper: kernel.pid })).toMatchObject({ changed: true })
  expect(findMdevDevice(kernel.files, uuid)).toBe(null)
  kernel.close(group)
})

test('the same where a shell stands between it and us', async () => {
  const { kernel, node } = await running()
  const group = kernel.open(node, 'rw')
  const read = kernel.files.read.bind(kernel.files)
  const [shell, stranger] = [70_001, 70_002]
  kernel.files.read = (path) => {
    if (path === `/proc/${shell}/stat`) return `${shell} (sh) -c (x)) S ${kernel.pid} 1 1 0 -1 4194560\n`
    if (path === `/proc/${stranger}/stat`) return `${stranger} (sh) S 1 ${kernel.pid} 1 0 -1 4194560\n`
    return read(path)
  }
  await expect(stop(kernel, { uuid }, { keeper: stranger })).rejects.toMatchObject({ code: 'DEVICE_BUSY' })
  expect(await stop(kernel, { uuid }, { keeper: shell })).toMatchObject({ changed: true })
  kernel.close(group)
})

test('the device that it has open is one', async () => {
  const { kernel, group } = await running()
  const device = openDevice(kernel, { group, name: uuid })
  onTestFinished(() => device.close())
  await expect(stop(kernel, { uuid }, { keeper: kernel.pid })).rejects.toMatchObject({ code: 'DEVICE_BUSY' })
})
