import { describe, expect, test } from 'vitest'
import type { Host } from '../../../../src/host.ts'
import { parseMigTypes } from '../../../../src/lifecycle/gpu-modes/supported-types.ts'
import { isDone } from '../../../../src/lifecycle/wanted/plan.ts'
import { blackwellHost, card, stateOf } from './blackwell-host.ts'

/** bigstack-oss/cubecos PR 1223 (RTX PRO 6000, driver 580.105.06): ceil(wanted / Max Instances Per GI), size by size. */

function specOf(devices: readonly object[], parent: object = {}): object {
  return { version: 1, parents: [{ parent: card, sriov: 'all', others: 'remove', ...parent, devices }] }
}

async function apply(host: Host, spec: object): Promise<void> {
  const { failed } = await host.apply(await host.plan(spec))
  expect(failed.map(({ error }) => String(error))).toEqual([])
  expect(isDone(await host.plan(spec))).toBe(true)
}

describe('a file that does not say how a card is cut has GPU instances counted for its vGPUs:', () => {
  test.each([
    ['as many as carry those of one size', [{ type: 'DC-1-12Q', count: 3 }], ['1g.24gb+gfx', '1g.24gb+gfx']],
    [
      'each size its own',
      [
        { type: 'DC-1-12Q', count: 1 },
        { type: 'DC-1-6Q', count: 2 },
      ],
      ['1g.24gb+gfx', '1g.24gb+gfx'],
    ],
    [
      'types of one size together, as Q and A are',
      [
        { type: 'DC-1-6Q', count: 1 },
        { type: 'DC-1-6A', count: 2 },
      ],
      ['1g.24gb+gfx'],
    ],
    [
      'profiles beside each other, the larger first',
      [
        { type: 'DC-1-24Q', count: 2 },
        { type: 'DC-2-48Q', count: 1 },
      ],
      ['2g.48gb+gfx', '1g.24gb+gfx', '1g.24gb+gfx'],
    ],
  ])('%s', async (_, devices, instances) => {
    const { host } = blackwellHost()
    await apply(host, specOf(devices))
    const state = await stateOf(host)
    expect(state).toMatchObject({ mig: true, instances, functions: 4, marks: [], kept: { mig: expect.any(Array) } })
    expect(state.vgpus).toHaveLength(devices.reduce((sum, { count }) => sum + count, 0))
  })

  test('those that are there stay if they are enough, also if they are more', async () => {
    const { host } = blackwellHost()
    await host.setGpuModes({ device: card, mig: [{ profile: '47', count: 4 }] })
    const spec = specOf([{ type: 'DC-1-24Q', count: 1 }])
    expect((await host.plan(spec)).gpuModes.filter(({ action }) => action === 'change')).toEqual([])
    await apply(host, spec)
    expect((await stateOf(host)).instances).toHaveLength(4)
  })

  test('more are made once more are wanted, and the vGPUs that run are in the way of that', async () => {
    const { host } = blackwellHost()
    await apply(host, specOf([{ type: 'DC-1-24Q', count: 1 }]))
    const more = specOf([{ type: 'DC-1-24Q', count: 2 }])
    await expect(host.plan(more).then((plan) => host.apply(plan))).rejects.toMatchObject({ code: 'DEVICE_BUSY' })
    await apply(host, specOf([]))
    await apply(host, more)
    expect((await stateOf(host)).instances).toHaveLength(2)
  })

  test('a layout that is kept by the names of its profiles is left, and the type has no room', async () => {
    const { host } = blackwellHost()
    await host.setGpuModes({ device: card, mig: [{ profile: '1g.24gb+gfx', count: 1 }] })
    const { failed } = await host.apply(await host.plan(specOf([{ type: 'DC-1-24Q', count: 2 }])))
    expect(failed).toMatchObject([{ error: { code: 'NO_INSTANCE_LEFT' } }])
    expect((await stateOf(host)).instances).toHaveLength(1)
  })

  test.each([
    [
      'a type that takes no instance beside one that does',
      [{ type: 'DC-1-24Q' }, { type: 'DC-3Q' }],
      /DC-3Q.*takes no GPU instance, and other types/s,
    ],
    ['a type that the card has not', [{ type: 'DC-1-99Q' }], /is no type of 0000:41:00.0 that takes a GPU instance/],
  ])('%s is refused', async (_, devices, message) => {
    const { host } = blackwellHost()
    await expect(host.plan(specOf(devices))).rejects.toMatchObject({ code: 'INVALID_SPEC', message })
  })

  test('types that take none are asked for as before', async () => {
    const { host } = blackwellHost()
    await apply(host, specOf([{ type: 'DC-6Q', count: 1 }]))
    expect(await stateOf(host)).toMatchObject({ mig: false, kept: null })
  })
})

test('nvidia-smi vgpu -s -v is read as driver 580.105.06 prints it, and what is not told is left out', () => {
  const text = [
    'GPU 00000000:8C:00.0',
    '    vGPU Type ID                          : 0x5ee',
    '        Name                              : NVIDIA RTX Pro 6000 Blackwell DC-2B',
    '        Class                             : NVS',
    '        GPU Instance Profile ID           : N/A',
    '        Max Instances                     : 32',
    '        Max Instances Per VM              : 1',
    '        Max Instances Per GI              : N/A',
    '        FB Memory                         : 2048 MiB',
    '    vGPU Type ID                          : 0x619',
    '        Name                              : NVIDIA RTX Pro 6000 Blackwell DC-1-24Q',
    '        GPU Instance Profile ID           : 47',
    '        Max Instances                     : 4',
    '        Max Instances Per GI              : 1',
    '        FB Memory                         : 24576 MiB',
    '    vGPU Type ID                          : 0x61a',
    '        Name                              : of an older driver, without the number for each instance',
    '        GPU Instance Profile ID           : 47',
    '        FB Memory                         : 24576 MiB',
  ].join('\n')
  const name = 'NVIDIA RTX Pro 6000 Blackwell DC-1-24Q'
  expect(parseMigTypes(text)).toEqual([{ type: '1561', name, profileId: 47, perInstance: 1, framebufferMiB: 24576 }])
  expect(parseMigTypes('No devices were found')).toEqual([])
})
