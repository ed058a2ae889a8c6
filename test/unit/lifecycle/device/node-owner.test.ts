import { expect, onTestFinished, test } from 'vitest'
import { parseUuid } from '../../../../src/base/units.ts'
import { accountId } from '../../../../src/host/accounts.ts'
import { hostFiles } from '../../../../src/kernel/linux-files.ts'
import { define } from '../../../../src/lifecycle/kinds/mdev/define.ts'
import { findMdevDevice } from '../../../../src/lifecycle/kinds/mdev/mdev-devices.ts'
import { start } from '../../../../src/lifecycle/kinds/mdev/start.ts'
import { undefine } from '../../../../src/lifecycle/kinds/mdev/undefine.ts'
import { applyPlan } from '../../../../src/lifecycle/plan/apply.ts'
import { makePlan } from '../../../../src/lifecycle/plan/make-plan.ts'
import { nodeOwners } from '../../../../src/lifecycle/settings/node-owners.ts'
import { withSettingsLock } from '../../../../src/lifecycle/settings/settings.ts'
import { parseSpec } from '../../../../src/lifecycle/spec/parse-spec.ts'
import { createMockHost } from '../../../../src/mock-host.ts'
import { HostTree, uuids } from '../../host-tree.ts'

const uuid = parseUuid(uuids[0])
const device = { uuid, parent: 'mtty', type: 'mtty-2' }
const owner = { user: '64055', group: '108', mode: '0660' }

function mock() {
  const host = createMockHost('demo')
  onTestFinished(() => host.kernel.dispose())
  return host
}

function spec(wanted: object) {
  const devices = [{ type: 'mtty-2', uuid, owner: wanted }]
  return parseSpec(JSON.stringify({ version: 1, parents: [{ parent: 'mtty', devices }] }), 'spec.json')
}

test('names are found in /etc/passwd and /etc/group, numbers are taken as they are', () => {
  const files = hostFiles(
    new HostTree()
      .file('etc/passwd', 'root:x:0:0::/root:/bin/sh\nlibvirt-qemu:x:64055:108::/:/bin/false\n')
      .file('etc/group', 'root:x:0:\nkvm:x:108:me\nbroken:x:\n').root,
  )
  expect(accountId(files, 'user', 'libvirt-qemu')).toBe(64055)
  expect(accountId(files, 'group', 'kvm')).toBe(108)
  expect(accountId(files, 'group', '4000000000')).toBe(4_000_000_000)
  for (const name of ['kv', 'broken', '4294967295', 'kvm:x']) {
    expect(() => accountId(files, 'group', name)).toThrow(expect.objectContaining({ code: 'NOT_FOUND' }))
  }
  expect(() => accountId(hostFiles(new HostTree().root), 'user', 'kvm')).toThrow(/no user kvm in \/etc\/passwd/)
})

test('a dry run of a start says to whom the node will go', async () => {
  const { kernel } = mock()
  await define(kernel, device)
  await withSettingsLock(kernel, () => nodeOwners.save(kernel.files, uuid, owner), {})
  const path = `/dev/vfio/$(basename $(readlink /sys/bus/mdev/devices/${uuid}/iommu_group))`
  expect((await start(kernel, { uuid }, { dryRun: true })).steps.slice(1)).toEqual([
    { action: 'chown', path, uid: 64055, gid: 108 },
    { action: 'chmod', path, mode: '0660' },
  ])
})

test('a start whose nodes cannot be given away is taken back', async () => {
  const { kernel, faults } = mock()
  await define(kernel, device)
  await withSettingsLock(kernel, () => nodeOwners.save(kernel.files, uuid, owner), {})
  faults.fail({ call: 'files.chmod' }, 'EIO')
  await expect(start(kernel, { uuid })).rejects.toMatchObject({
    errno: 'EIO',
    path: '/dev/vfio/7',
    message: expect.stringMatching(/; the device was removed again$/),
    hint: 'vfioctl list; dmesg | tail',
  })
  expect(findMdevDevice(kernel.files, uuid)).toBeNull()
  await start(kernel, { uuid })
  expect(kernel.files.owner('/dev/vfio/7')).toEqual({ uid: 64055, gid: 108, mode: 0o660 })
})

test('where it cannot be removed again either, both are told, and the next start mends it', async () => {
  const { kernel, faults } = mock()
  await define(kernel, device)
  await withSettingsLock(kernel, () => nodeOwners.save(kernel.files, uuid, owner), {})
  faults.fail({ call: 'files.chmod' }, 'EIO')
  faults.fail({ call: 'files.write', path: `/sys/bus/mdev/devices/${uuid}/remove` }, 'EAGAIN')
  await expect(start(kernel, { uuid })).rejects.toMatchObject({
    code: 'SYSTEM_CALL_FAILED',
    errno: 'EIO',
    syscall: 'chmod',
    path: '/dev/vfio/7',
    message: expect.stringMatching(
      /cannot set 0660 on \/dev\/vfio\/7.*EIO.*; and the device could not be removed.*EAGAIN/,
    ),
    hint: expect.stringContaining('vfioctl list'),
  })
  expect(findMdevDevice(kernel.files, uuid)).not.toBeNull()
  await start(kernel, { uuid })
  expect(kernel.files.owner('/dev/vfio/7').mode).toBe(0o660)
})

test('an apply that fails leaves what was kept before', async () => {
  const { kernel, faults } = mock()
  await applyPlan(kernel, makePlan(kernel, spec({ mode: '0640' })))
  faults.fail({ call: 'files.chmod' }, 'EIO')
  const { failed } = await applyPlan(kernel, makePlan(kernel, spec({ mode: '0666' })))
  expect(failed).toMatchObject([{ error: { errno: 'EIO' } }])
  expect(nodeOwners.read(kernel.files, uuid)).toEqual({ user: null, group: null, mode: '0640' })
  expect(kernel.files.owner('/dev/vfio/7').mode).toBe(0o640)
})

test.each([
  [{ mode: 660 }, /mode.*octal digits in quotes/],
  [{ mode: '0999' }, /mode.*octal digits in quotes/],
  [{ mode: '4660' }, /mode.*octal digits in quotes/],
  [{ user: '' }, /user/],
  [{ user: -1 }, /user.*a name or a number/],
  [{}, /must say user, group or mode/],
  [{ owner: 'root' }, /owner/],
])('an owner like %j is INVALID_SPEC', (wanted, message) => {
  expect(() => spec(wanted)).toThrow(
    expect.objectContaining({ code: 'INVALID_SPEC', message: expect.stringMatching(message) }),
  )
})

test('on the mock, a node that comes again is root’s', async () => {
  const { kernel } = mock()
  await start(kernel, device)
  kernel.files.chown('/dev/vfio/7', 5, 6)
  await kernel.files.write(`/sys/bus/mdev/devices/${uuid}/remove`, '1')
  await start(kernel, device)
  expect(kernel.files.owner('/dev/vfio/7')).toEqual({ uid: 0, gid: 0, mode: 0o600 })
})

test('the owner that is kept for a device without a definition is forgotten by undefine, also where nothing runs', async () => {
  const { kernel } = mock()
  const keep = (name: string) => withSettingsLock(kernel, () => nodeOwners.save(kernel.files, name, owner), {})
  await keep(uuid)
  const path = nodeOwners.path(uuid)
  expect(await undefine(kernel, { uuid })).toMatchObject([{ changed: true, steps: [{ action: 'delete', path }] }])
  expect(kernel.files.kind(path)).toBe(null)
  await expect(undefine(kernel, { uuid })).rejects.toMatchObject({ code: 'NOT_FOUND' })
  await start(kernel, device)
  await keep(uuid)
  expect(await undefine(kernel, { uuid }, { dryRun: true })).toMatchObject([{ changed: true, steps: [{ path }] }])
  expect(await undefine(kernel, { uuid })).toMatchObject([{ parent: 'mtty', changed: true }])
  expect(await undefine(kernel, { uuid })).toMatchObject([{ parent: 'mtty', changed: false, steps: [] }])
})
