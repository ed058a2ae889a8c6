import { randomUUID } from 'node:crypto'
import { expect, onTestFinished, test } from 'vitest'
import { parseUuid } from '../../../src/base/units.ts'
import type { Kernel } from '../../../src/kernel/kernel.ts'
import { findMdevDevice, nodesOf } from '../../../src/lifecycle/kinds/mdev/mdev-devices.ts'
import { start } from '../../../src/lifecycle/kinds/mdev/start.ts'
import { stop } from '../../../src/lifecycle/kinds/mdev/stop.ts'
import { undefine } from '../../../src/lifecycle/kinds/mdev/undefine.ts'
import { applyPlan } from '../../../src/lifecycle/plan/apply.ts'
import { makePlan } from '../../../src/lifecycle/plan/make-plan.ts'
import { parseSpec } from '../../../src/lifecycle/spec/parse-spec.ts'
import { contractKernel } from '../kernel.ts'

const uuid = parseUuid(randomUUID())

function machine(): Kernel {
  const { kernel } = contractKernel()
  onTestFinished(async () => {
    await stop(kernel, { uuid }).catch(() => undefined)
    await undefine(kernel, { uuid }).catch(() => undefined)
    kernel.dispose()
  })
  return kernel
}

async function apply(kernel: Kernel, owner?: object) {
  const devices = [{ type: 'mtty-2', uuid, ...(owner === undefined ? {} : { owner }) }]
  const spec = parseSpec(JSON.stringify({ version: 1, parents: [{ parent: 'mtty', devices }] }), 'spec.json')
  const plan = makePlan(kernel, spec)
  const { failed } = await applyPlan(kernel, plan)
  return { entry: plan.entries[0], failed }
}

/** Owner and mode of each of the device's nodes. */
function owners({ files }: Kernel) {
  const device = findMdevDevice(files, uuid)
  return device === null ? [] : nodesOf(device).map((node) => files.owner(node))
}

function all(kernel: Kernel, uid: number, gid: number, mode: number) {
  return owners(kernel).map(() => ({ uid, gid, mode }))
}

test('the nodes of a device go to whom the spec says, and again at each start, until it is undefined', async () => {
  const kernel = machine()
  expect((await apply(kernel, { user: 4321, group: '4322', mode: '0660' })).entry).toMatchObject({
    action: 'create',
    verbs: ['define', 'keep-owner', 'start'],
  })
  expect(owners(kernel).length).toBeGreaterThan(0)
  expect(owners(kernel)).toEqual(all(kernel, 4321, 4322, 0o660))
  await stop(kernel, { uuid })
  await start(kernel, { uuid })
  expect(owners(kernel)).toEqual(all(kernel, 4321, 4322, 0o660))
  await stop(kernel, { uuid })
  await undefine(kernel, { uuid })
  await start(kernel, { uuid, parent: 'mtty', type: 'mtty-2' })
  expect(owners(kernel)).toEqual(all(kernel, 0, 0, 0o600))
})

test('applied again, nothing changes; what drifted is put right, and the device runs on', async () => {
  const kernel = machine()
  const owner = { group: 4322, mode: '0640' }
  await apply(kernel, owner)
  const before = findMdevDevice(kernel.files, uuid)
  expect((await apply(kernel, owner)).entry).toMatchObject({ action: 'keep', steps: [] })
  const [node = ''] = before === null ? [] : nodesOf(before)
  kernel.files.chmod(node, 0o666)
  kernel.files.chown(node, 7, 7)
  const { entry } = await apply(kernel, owner)
  expect(entry).toMatchObject({ action: 'change', reason: 'has a node that belongs to another owner', users: [] })
  expect(entry?.steps).toEqual([
    { action: 'chown', path: node, uid: 7, gid: 4322 },
    { action: 'chmod', path: node, mode: '0640' },
  ])
  expect(kernel.files.owner(node)).toEqual({ uid: 7, gid: 4322, mode: 0o640 })
  expect(findMdevDevice(kernel.files, uuid)).toEqual(before)
})

test('a spec that says no owner leaves the one there is', async () => {
  const kernel = machine()
  await apply(kernel, { mode: '0666' })
  expect((await apply(kernel)).entry).toMatchObject({ action: 'keep' })
  await apply(kernel, { mode: '0644' })
  expect(owners(kernel)).toEqual(all(kernel, 0, 0, 0o644))
})

test('a user that the host does not have is NOT_FOUND before anything is done', async () => {
  const kernel = machine()
  await expect(apply(kernel, { user: 'no-such-user' })).rejects.toMatchObject({
    code: 'NOT_FOUND',
    path: '/etc/passwd',
  })
  expect(findMdevDevice(kernel.files, uuid)).toBeNull()
})
