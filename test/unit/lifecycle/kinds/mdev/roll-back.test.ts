import { expect, test } from 'vitest'
import { systemError } from '../../../../../src/base/system-error.ts'
import { parseUuid } from '../../../../../src/base/units.ts'
import type { Kernel } from '../../../../../src/kernel/kernel.ts'
import { openLinux } from '../../../../../src/kernel/linux.ts'
import { createDevice, creationSteps } from '../../../../../src/lifecycle/kinds/mdev/create-device.ts'
import type { MdevType } from '../../../../../src/lifecycle/kinds/mdev/mdev-types.ts'
import { HostTree, uuids } from '../../../host-tree.ts'
import { stub } from '../../../stub.ts'

const uuid = parseUuid(uuids[0])
const type: MdevType = {
  kind: 'mdev',
  parent: 'mtty',
  type: 'mtty-2',
  name: null,
  deviceApi: 'vfio-pci',
  available: 1,
  description: null,
  details: { framebufferMiB: null, maxResolution: null, heads: null, maxInstances: null },
  devices: [],
}

/** A host whose writes are kept, and fail with an error code where `fail` names one. */
function recording(fail: (path: string) => string | undefined): { kernel: Kernel; writes: [string, string][] } {
  const kernel = openLinux({ root: new HostTree().root })
  const writes: [string, string][] = []
  const write = async (path: string, text: string): Promise<void> => {
    const code = fail(path)
    if (code !== undefined) throw systemError(code, 'write', path)
    writes.push([path.slice(path.lastIndexOf('/') + 1), text])
  }
  return { kernel: stub(kernel, { files: stub(kernel.files, { write }) }), writes }
}

const attributes = [
  { name: 'first', value: '1' },
  { name: 'second', value: '2' },
  { name: 'third', value: '3' },
]
const steps = creationSteps({ uuid, parent: 'mtty', type: 'mtty-2', attributes })

test('attributes are written in order after the UUID, each with a newline', async () => {
  const { kernel, writes } = recording(() => undefined)
  await createDevice(kernel, uuid, type, steps)
  expect(writes).toEqual([
    ['create', uuid],
    ['first', '1\n'],
    ['second', '2\n'],
    ['third', '3\n'],
  ])
})

test('where the second attribute fails, nothing after it is written and the device is removed', async () => {
  const { kernel, writes } = recording((path) => (path.endsWith('/second') ? 'EINVAL' : undefined))
  await expect(createDevice(kernel, uuid, type, steps)).rejects.toMatchObject({
    code: 'ATTRIBUTE_FAILED',
    errno: 'EINVAL',
    facts: { attribute: 'second', value: '2', remains: false },
  })
  expect(writes.map(([name]) => name)).toEqual(['create', 'first', 'remove'])
})

test('where the removal fails too, the first error is kept and what remains is said', async () => {
  const { kernel } = recording((path) =>
    path.endsWith('/second') ? 'EINVAL' : path.endsWith('/remove') ? 'EBUSY' : undefined,
  )
  const error = await createDevice(kernel, uuid, type, steps).catch((reason: unknown) => reason)
  expect(error).toMatchObject({ code: 'ATTRIBUTE_FAILED', errno: 'EINVAL', facts: { remains: true } })
  expect(String(error)).toContain('EBUSY')
  expect(error).toMatchObject({ hint: expect.stringContaining(`vfioctl stop ${uuid}`) })
})

test('told to stop between two attributes, it removes the device', async () => {
  const stop = new AbortController()
  const { kernel, writes } = recording((path) => {
    if (path.endsWith('/first')) stop.abort()
    return undefined
  })
  const created = createDevice(kernel, uuid, type, steps, stop.signal)
  await expect(created).rejects.toMatchObject({ code: 'INTERRUPTED', facts: { remains: false } })
  expect(writes.map(([name]) => name)).toEqual(['create', 'first', 'remove'])
})

test.each([
  ['ENOSPC', 'NO_INSTANCE_LEFT'],
  ['EUSERS', 'NO_INSTANCE_LEFT'],
  ['EACCES', 'PERMISSION_DENIED'],
  ['EEXIST', 'ALREADY_EXISTS'],
  ['EINVAL', 'SYSTEM_CALL_FAILED'],
])('a `create` that answers %s is %s, with the errno kept', async (errno, code) => {
  const { kernel, writes } = recording(() => errno)
  await expect(createDevice(kernel, uuid, type, steps)).rejects.toMatchObject({ code, errno })
  expect(writes).toEqual([])
})
