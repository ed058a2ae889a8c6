import { beforeEach, expect, test } from 'vitest'
import type { Kernel } from '../../../../src/kernel/kernel.ts'
import { createMockKernel } from '../../../../src/mock/kernel/mock-kernel.ts'
import { request } from '../../../../src/uapi/requests.ts'
import {
  asyncCodeOf,
  available,
  codeOf,
  createMdev,
  cString,
  groupPath,
  openMdev,
  port,
  removeMdev,
  typePath,
  uuid,
  words,
} from '../machine.ts'

let kernel: Kernel
beforeEach(async () => {
  kernel = createMockKernel('demo')
  await createMdev(kernel, 'mtty-2', uuid)
})

/** True if it settles within a few turns of the loop. */
async function settles(promise: Promise<unknown>): Promise<boolean> {
  let isSettled = false
  promise.then(
    () => (isSettled = true),
    () => (isSettled = true),
  )
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
  return isSettled
}

test('a device keeps its group and container: EBUSY until it is closed, in whatever order the rest was', () => {
  const path = groupPath(kernel, uuid)
  const { container, group, device } = openMdev(kernel, uuid)
  kernel.close(container)
  kernel.close(group)
  port(kernel, device).write(7, 0x5a)
  expect(port(kernel, device).read(7)).toBe(0x5a)
  expect(codeOf(() => kernel.open(path, 'rw'))).toBe('EBUSY')
  kernel.close(device)
  expect(codeOf(() => kernel.open(path, 'rw'))).toBeNull()
})

test('two descriptors of a device share its state, and the second keeps it open', () => {
  const { group, device } = openMdev(kernel, uuid)
  const second = kernel.ioctl(group, request.VFIO_GROUP_GET_DEVICE_FD, cString(uuid))
  port(kernel, device).write(7, 0x5a)
  kernel.close(device)
  expect(port(kernel, second).read(7)).toBe(0x5a)
  expect(codeOf(() => kernel.ioctl(group, request.VFIO_GROUP_UNSET_CONTAINER))).toBe('EBUSY')
})

test('a device keeps its registers between two openings', () => {
  const first = openMdev(kernel, uuid)
  port(kernel, first.device).write(0, 0x41, 0x42)
  for (const fd of Object.values(first)) kernel.close(fd)
  const { device } = openMdev(kernel, uuid)
  expect([port(kernel, device).read(0), port(kernel, device).read(0)]).toEqual([0x41, 0x42])
})

test('remove waits for the last descriptor, and takes all but the folder and the group away at once', async () => {
  const { group, device } = openMdev(kernel, uuid)
  const second = kernel.ioctl(group, request.VFIO_GROUP_GET_DEVICE_FD, cString(uuid))
  const path = `/sys/devices/virtual/mtty/mtty/${uuid}`
  const removal = removeMdev(kernel, uuid)
  expect(await settles(removal)).toBe(false)
  expect(kernel.files.kind(`/sys/bus/mdev/devices/${uuid}`)).toBeNull()
  expect(kernel.files.list(path).sort()).toEqual(['iommu_group', 'vfio-dev'])
  expect(kernel.files.list(`${typePath('mtty', 'mtty-2')}/devices`)).toEqual([])
  expect(available(kernel, 'mtty', 'mtty-2')).toBe(11)
  expect(await asyncCodeOf(kernel.files.write(`${path}/remove`, '1'))).toBe('ENOENT')
  expect(await asyncCodeOf(createMdev(kernel, 'mtty-2', uuid))).toBe('EEXIST')
  kernel.close(device)
  expect(await settles(removal)).toBe(false)
  port(kernel, second).write(7, 0x5a)
  kernel.close(second)
  await removal
  expect(kernel.files.kind(path)).toBeNull()
  expect(available(kernel, 'mtty', 'mtty-2')).toBe(12)
})

test('remove does not wait for a group that is only open: the group is then ENODEV', async () => {
  const group = kernel.open(groupPath(kernel, uuid), 'rw')
  await removeMdev(kernel, uuid)
  expect(codeOf(() => kernel.ioctl(group, request.VFIO_GROUP_GET_STATUS, words(8, 0)))).toBe('ENODEV')
  expect(codeOf(() => kernel.ioctl(group, request.VFIO_GROUP_GET_DEVICE_FD, cString(uuid)))).toBe('ENODEV')
  await createMdev(kernel, 'mtty-2', uuid)
  expect(codeOf(() => openMdev(kernel, uuid))).toBeNull()
})

test('dispose closes all, lets a removal of its own device finish, and leaves nothing waiting', async () => {
  openMdev(kernel, uuid)
  const removal = removeMdev(kernel, uuid)
  kernel.dispose()
  await removal
  expect(kernel.files.list(`/proc/${kernel.pid}/fd`)).toEqual([])
})

test('/proc shows what this process has open', () => {
  openMdev(kernel, uuid)
  kernel.eventfd()
  const fds = `/proc/${kernel.pid}/fd`
  expect(kernel.files.list(fds).map((fd) => kernel.files.readlink(`${fds}/${fd}`))).toEqual([
    '/dev/vfio/vfio',
    '/dev/vfio/7',
    'anon_inode:[vfio-device]',
    'anon_inode:[eventfd]',
  ])
  expect(kernel.files.read('/proc/self/comm')).toMatch(/^\S+\n$/)
  expect(kernel.files.read(`/proc/${kernel.pid}/cmdline`).split('\0').length).toBeGreaterThan(1)
})
