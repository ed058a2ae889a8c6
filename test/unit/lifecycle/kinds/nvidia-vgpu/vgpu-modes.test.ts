import { expect, onTestFinished, test } from 'vitest'
import { Host } from '../../../../../src/host.ts'
import { openLinux } from '../../../../../src/kernel/linux.ts'
import { isMigBacked } from '../../../../../src/lifecycle/device/mig.ts'
import { createMockKernel } from '../../../../../src/mock/kernel/mock-kernel.ts'
import type { ScenarioVgpus } from '../../../../../src/mock/scenario/scenario.ts'
import { gpuHost } from '../../../../../src/mock/shipped/gpu-host.ts'
import { HostTree, uuids } from '../../../host-tree.ts'

const card = '0000:41:00.0'
const [first, second] = ['0000:41:00.4', '0000:41:00.5'] as const
const gib = 1024

/** The L40S of gpu-host, in another mode. */
function hostWith(mode: (vgpus: ScenarioVgpus) => Partial<ScenarioVgpus>): Host {
  const pci = gpuHost.pci.map((device) => {
    const { address, vgpus } = device
    return address === card && vgpus !== undefined ? { ...device, vgpus: { ...vgpus, ...mode(vgpus) } } : device
  })
  const host = new Host(createMockKernel({ ...gpuHost, pci }))
  onTestFinished(() => host[Symbol.asyncDispose]())
  return host
}

/** Types that each take one GPU instance of their size, of which there are so many. */
function mig(instances: { readonly small: number; readonly big: number }, timeSliced: boolean) {
  return ({ types }: ScenarioVgpus): Partial<ScenarioVgpus> => {
    const [model] = types.map((type) => type.model)
    if (model === undefined) throw new Error('gpu-host has types')
    return {
      oneTypeAtATime: false,
      capacity: { framebufferMiB: timeSliced ? 48 * gib : 0, ...instances },
      types: [
        ...types,
        { id: 1300, name: 'NVIDIA L40S-1-12Q', uses: { small: 1 }, model },
        { id: 1301, name: 'NVIDIA L40S-2-24QGFX', uses: { big: 1 }, model },
      ],
    }
  }
}

test.each([
  ['GRID A100-1-5C', true],
  ['GRID A100-1-5CME', true],
  ['NVIDIA RTX Pro 6000 Blackwell DC-2-48QGFX', true],
  ['NVIDIA RTX Pro 6000 Blackwell DC-12Q', false],
  ['GRID RTX8000-1B4', false],
  ['NVIDIA H100-80C', false],
  [null, false],
])('the name %j says whether a type takes a GPU instance: %j', (name, is) => {
  expect(isMigBacked({ name })).toBe(is)
})

test('a card that takes mixed sizes is never said to take one type at a time', async () => {
  const sizes = ['NVIDIA L40S-8Q', 'NVIDIA L40S-24Q']
  const host = hostWith(({ types }) => ({
    oneTypeAtATime: false,
    types: types.filter(({ name }) => sizes.includes(name)),
  }))
  await host.start({ parent: first, type: 'L40S-24Q' })
  await host.start({ parent: second, type: 'L40S-8Q' })
  await expect(host.start({ parent: card, type: 'L40S-24Q' })).rejects.toMatchObject({
    code: 'NO_INSTANCE_LEFT',
    message: expect.stringMatching(
      `takes no NVIDIA L40S-24Q \\(1157\\) now: there is no room beside ${first} as .*, ${second} as .*`,
    ),
    hint: expect.stringContaining(`vfioctl types -p ${card}`),
  })
  await host.start({ parent: card, type: 'L40S-8Q' })
})

test('a card that takes one size at a time is told so, with the way to mixed sizes that its driver has', async () => {
  const host = hostWith(() => ({}))
  await host.start({ parent: first, type: 'L40S-24Q' })
  await expect(host.start({ parent: card, type: 'L40S-16Q' })).rejects.toMatchObject({
    message: expect.stringContaining('takes one type at a time'),
    hint: expect.stringContaining(`vfioctl gpu-mode ${card} --heterogeneous on`),
  })
  const open = '0000:61:00.0'
  await host.setVirtualFunctions({ device: open, count: 4 })
  await host.start({ parent: open, type: 'DC-24Q' })
  await expect(host.start({ parent: open, type: 'DC-12Q' })).rejects.toMatchObject({
    message: expect.stringContaining('takes one type at a time'),
    hint: expect.not.stringContaining('-shm'),
  })
})

test('a type that takes a GPU instance is refused with that, where none of its size is free', async () => {
  const host = hostWith(mig({ small: 1, big: 1 }, false))
  await host.start({ parent: card, type: 'L40S-1-12Q' })
  const refused = {
    code: 'NO_INSTANCE_LEFT',
    message: expect.stringMatching(
      /takes no NVIDIA L40S-1-12Q .* takes a GPU instance \(MIG\) of its size, and none is/,
    ),
    hint: expect.stringContaining(`nvidia-smi mig -i ${card} -lgi`),
  }
  await expect(host.start({ parent: card, type: 'L40S-1-12Q' })).rejects.toMatchObject(refused)
  await host.start({ parent: card, type: 'L40S-2-24QGFX' })
  await expect(host.start({ parent: '0000:41:00.6', type: '1300' })).rejects.toMatchObject({
    code: 'NO_INSTANCE_LEFT',
    message: expect.stringContaining('takes a GPU instance (MIG)'),
  })
})

test('a card in MIG mode takes no type without a GPU instance, and says so', async () => {
  const host = hostWith(mig({ small: 1, big: 0 }, false))
  await expect(host.start({ parent: card, type: 'L40S-24Q' })).rejects.toMatchObject({
    code: 'NOT_FOUND',
    message: expect.stringContaining('the card is in MIG mode, and offers only types that take a GPU instance'),
    hint: expect.stringContaining(`nvidia-smi -i ${card} -mig 0`),
  })
})

test('a card in MIG mode without instances offers nothing, and says what it needs', async () => {
  const host = hostWith(mig({ small: 0, big: 0 }, false))
  const needs = 'in MIG mode a card needs GPU instances first'
  expect(host.types({ parent: card })).toEqual({
    types: [],
    warnings: [
      { path: `/sys/bus/pci/devices/${first}/nvidia/creatable_vgpu_types`, message: expect.stringContaining(needs) },
    ],
  })
  for (const type of ['L40S-24Q', 'L40S-1-12Q', '1300']) {
    await expect(host.start({ parent: card, type })).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: expect.stringContaining(needs),
      hint: expect.stringContaining('nvidia-smi mig'),
    })
  }
})

test('a card that is not in MIG mode says what a type needs that takes a GPU instance', async () => {
  const host = hostWith(mig({ small: 0, big: 0 }, true))
  await expect(host.start({ parent: card, type: 'L40S-1-12Q' })).rejects.toMatchObject({
    message: expect.stringContaining('takes a GPU instance (MIG) of its size, and none is free'),
    hint: expect.stringContaining(`nvidia-smi -i ${card} -mig 1`),
  })
})

test('of mediated devices, what runs on the card’s other functions is told, and MIG where that is the reason', async () => {
  const [pf, parent, other] = ['0000:3b:00.0', '0000:3b:00.4', '0000:3b:00.5']
  const at = (address: string) => `sys/devices/pci0000:00/${address}`
  const tree = new HostTree()
  const full = { device_api: 'vfio-pci', available_instances: '0' }
  for (const vf of [parent, other]) {
    tree.type(vf, 'nvidia-468', { ...full, name: 'GRID A100-4C' })
    tree.type(vf, 'nvidia-474', { ...full, name: 'GRID A100-1-5C' })
    tree.link(`${at(vf)}/physfn`, `../${pf}`).link(`sys/bus/pci/devices/${vf}`, `../../../devices/pci0000:00/${vf}`)
  }
  const host = new Host(openLinux({ root: tree.root }))
  onTestFinished(() => host[Symbol.asyncDispose]())
  await expect(host.start({ parent, type: 'GRID A100-1-5C' })).rejects.toMatchObject({
    code: 'NO_INSTANCE_LEFT',
    message: expect.stringContaining('takes a GPU instance (MIG) of its size, and none is free'),
    hint: expect.stringContaining(`nvidia-smi mig -i ${pf} -lgi`),
  })
  tree.mdev(uuids[1], other, 'nvidia-468', 7)
  await expect(host.start({ parent, type: 'GRID A100-4C' })).rejects.toMatchObject({
    code: 'NO_INSTANCE_LEFT',
    message: expect.stringContaining(`held by ${uuids[1]} (nvidia-468 on ${other})`),
  })
})
