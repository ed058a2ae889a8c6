import { describe, expect, onTestFinished, test } from 'vitest'
import { type PciAddress, parsePciAddress } from '../../../../../src/base/units.ts'
import { Host } from '../../../../../src/host.ts'
import { readVgpuFunction } from '../../../../../src/lifecycle/kinds/nvidia-vgpu/vgpu-functions.ts'
import { applyPlan } from '../../../../../src/lifecycle/plan/apply.ts'
import { makePlan } from '../../../../../src/lifecycle/plan/make-plan.ts'
import { nodeOwners } from '../../../../../src/lifecycle/settings/node-owners.ts'
import { withSettingsLock } from '../../../../../src/lifecycle/settings/settings.ts'
import { parseSpec } from '../../../../../src/lifecycle/spec/parse-spec.ts'
import { gpuHost } from '../../../../../src/mock/shipped/gpu-host.ts'
import { createMockHost } from '../../../../../src/mock-host.ts'
import { stub } from '../../../stub.ts'

const rootOnly = { uid: 0, gid: 0, mode: 0o600 }
const kvm = { user: '64055', group: '108', mode: '0660' }

/** A function of each driver model's card, and a type for it. */
const models = [
  ['NVIDIA’s own driver', { parent: '41:00.0', name: parsePciAddress('41:00.5'), type: 'L40S-24Q' }],
  ['the driver proposed for the kernel', { parent: '61:00.0', name: parsePciAddress('61:00.5'), type: 'DC-24Q' }],
] as const

interface Vgpu {
  readonly parent: string
  readonly name: PciAddress
  readonly type: string
}

async function machine() {
  const { kernel, faults } = createMockHost({ ...gpuHost, modules: { ...gpuHost.modules, iommufd: {} } })
  const host = new Host(kernel)
  onTestFinished(() => host[Symbol.asyncDispose]())
  await kernel.files.write('/sys/bus/pci/devices/0000:61:00.0/sriov_numvfs', '4')
  return { host, faults }
}

function planOf({ kernel }: Host, { parent, name, type }: Vgpu, more: object, sriov?: number) {
  const devices = [{ type, function: name, ...more }]
  const parents = [{ parent, devices, ...(sriov === undefined ? {} : { sriov }) }]
  return makePlan(kernel, parseSpec(JSON.stringify({ version: 1, parents }), 'spec.json'))
}

async function apply(host: Host, vgpu: Vgpu, more: object) {
  const plan = planOf(host, vgpu, more)
  const { failed } = await applyPlan(host.kernel, plan)
  return { entries: plan.entries.filter(({ action }) => action !== 'keep'), failed }
}

function keep({ kernel }: Host, { name }: Vgpu, owner = kvm) {
  return withSettingsLock(kernel, () => nodeOwners.save(kernel.files, name, owner), {})
}

/** Owner and mode of the function's nodes: its group's and its own. */
function owners({ kernel: { files } }: Host, { name }: Vgpu) {
  const vgpu = readVgpuFunction(files, name)
  const nodes = [vgpu?.node, vgpu?.deviceNode].flatMap((node) => node ?? [])
  expect(nodes).toHaveLength(2)
  return nodes.map((node) => files.owner(node))
}

const given = { uid: 64055, gid: 108, mode: 0o660 }

describe.each(models)('the nodes of a vGPU with %s', (_, vgpu) => {
  const { name, type } = vgpu

  test('go to whom the spec says, at each start again, and are root’s when it is stopped', async () => {
    const { host } = await machine()
    const { entries, failed } = await apply(host, vgpu, { owner: kvm })
    expect(failed).toEqual([])
    expect(entries).toMatchObject([{ action: 'create', verbs: ['define', 'keep-owner', 'start'] }])
    expect(entries[0]?.steps.slice(-4).map(({ action }) => action)).toEqual(['chown', 'chmod', 'chown', 'chmod'])
    expect(owners(host, vgpu)).toEqual([given, given])
    expect(planOf(host, vgpu, { owner: kvm }).entries).toMatchObject([{ action: 'keep', steps: [] }])
    await host.stop({ name })
    expect(owners(host, vgpu)).toEqual([rootOnly, rootOnly])
    await host.start({ name })
    expect(owners(host, vgpu)).toEqual([given, given])
    await host.undefine({ name })
    expect(owners(host, vgpu)).toEqual([given, given])
    await host.stop({ name })
    expect(owners(host, vgpu)).toEqual([rootOnly, rootOnly])
    await host.start({ parent: name, type })
    expect(owners(host, vgpu)).toEqual([rootOnly, rootOnly])
  })

  test('are put right where they drifted, and the vGPU runs on; a spec that says no owner leaves the one there is', async () => {
    const { host } = await machine()
    await apply(host, vgpu, { owner: { group: 108 } })
    expect(owners(host, vgpu)).toEqual([
      { ...rootOnly, gid: 108 },
      { ...rootOnly, gid: 108 },
    ])
    const { files } = host.kernel
    const node = readVgpuFunction(files, name)?.node ?? ''
    files.chown(node, 7, 7)
    const { entries } = await apply(host, vgpu, { owner: { group: 108 } })
    expect(entries).toMatchObject([
      { action: 'change', reason: 'has a node that belongs to another owner', users: [], verbs: ['start'] },
    ])
    expect(entries[0]?.steps).toEqual([{ action: 'chown', path: node, uid: 7, gid: 108 }])
    expect((await apply(host, vgpu, {})).entries).toEqual([])
    expect((await apply(host, vgpu, { owner: kvm })).entries).toMatchObject([{ verbs: ['keep-owner', 'start'] }])
    expect(owners(host, vgpu)).toEqual([given, given])
  })

  test('stay with their owner where it is made anew with another type', async () => {
    const { host } = await machine()
    await apply(host, vgpu, { owner: kvm })
    await host.undefine({ name })
    const other = { ...vgpu, type: type === 'DC-24Q' ? 'DC-12Q' : 'L40S-8Q' }
    expect((await apply(host, other, { owner: kvm })).failed).toEqual([])
    expect(owners(host, vgpu)).toEqual([given, given])
    await host.stop({ name })
    await host.start({ name })
    expect(owners(host, vgpu)).toEqual([given, given])
  })

  test('that cannot be given away: the vGPU is ended again, and what was kept before is kept', async () => {
    const { host, faults } = await machine()
    faults.fail({ call: 'files.chmod' }, 'EIO')
    const { failed } = await apply(host, vgpu, { owner: kvm })
    expect(failed).toMatchObject([{ error: { errno: 'EIO', path: expect.stringMatching(/^\/dev\/vfio\//) } }])
    expect(host.list().devices).toEqual([])
    expect(nodeOwners.read(host.kernel.files, name)).toBeNull()
  })

  test('are named by a dry run, with whom they go to', async () => {
    const { host } = await machine()
    await keep(host, vgpu)
    const path = readVgpuFunction(host.kernel.files, name)?.node
    const { steps } = await host.start({ parent: name, type }, { dryRun: true })
    expect(steps.slice(1, 3)).toEqual([
      { action: 'chown', path, uid: 64055, gid: 108 },
      { action: 'chmod', path, mode: '0660' },
    ])
  })
})

test('the node of an IOMMU group stays with the owner of what still runs in it', async () => {
  const { host } = await machine()
  const [first, second] = ['41:00.4', '41:00.5'].map((it) => parsePciAddress(it))
  const { kernel } = host
  const pci = '/sys/bus/pci/devices'
  const group = kernel.files.readlink(`${pci}/${first}/iommu_group`)
  const readlink = (path: string) => {
    return path === `${pci}/${second}/iommu_group` ? group : kernel.files.readlink(path)
  }
  const list = (path: string) => {
    const names = kernel.files.list(path)
    return path.endsWith(`${group.slice(group.lastIndexOf('/'))}/devices`) ? [...names, `${second}`] : names
  }
  const sharing = new Host(stub(kernel, { files: stub(kernel.files, { readlink, list }) }))
  for (const name of [first, second]) {
    if (name === undefined) throw new Error('two functions')
    await apply(sharing, { parent: '41:00.0', name, type: 'L40S-24Q' }, { owner: kvm })
  }
  const owners = () => {
    return [first, second].flatMap((name) => {
      const vgpu = name === undefined ? null : readVgpuFunction(sharing.kernel.files, name)
      return [vgpu?.node, vgpu?.deviceNode].map((node) => sharing.kernel.files.owner(node ?? ''))
    })
  }
  expect(owners()).toEqual([given, given, given, given])
  await sharing.stop({ name: `${second}` })
  expect(owners()).toEqual([given, given, given, rootOnly])
  await sharing.stop({ name: `${first}` })
  expect(owners()).toEqual([rootOnly, rootOnly, rootOnly, rootOnly])
})

test('of functions that are not there yet, the plan says the node by its IOMMU group', async () => {
  const { host } = await machine()
  const [, vgpu] = models[1]
  await host.setVirtualFunctions({ device: '61:00.0', count: 0 })
  const [entry] = planOf(host, vgpu, { owner: kvm }, 4).entries
  expect(entry?.steps.at(-1)).toEqual({
    action: 'chmod',
    path: `/dev/vfio/$(basename $(readlink /sys/bus/pci/devices/${vgpu.name}/iommu_group))`,
    mode: '0660',
  })
})

test('a function for which VFIO has no node is NOT_SUPPORTED in the plan and at a start, before anything is done', async () => {
  const { host } = await machine()
  const { kernel } = host
  const [, vgpu] = models[0]
  // as where udev made none, or the driver gives VFIO nothing
  const kind = (path: string) => (path.startsWith('/dev/vfio/') ? null : kernel.files.kind(path))
  const without = new Host(stub(kernel, { files: stub(kernel.files, { kind }) }))
  const refused = {
    code: 'NOT_SUPPORTED',
    message: expect.stringContaining(`${vgpu.name} has no node in /dev/vfio that could be given to anybody`),
  }
  expect(() => planOf(without, vgpu, { owner: kvm })).toThrow(expect.objectContaining(refused))
  expect(planOf(without, vgpu, {}).entries).toMatchObject([{ action: 'create' }])
  await keep(host, vgpu)
  await expect(without.start({ parent: vgpu.name, type: vgpu.type })).rejects.toMatchObject(refused)
  expect(host.list().devices).toEqual([])
})
