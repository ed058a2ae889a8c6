import { describe, expect, test } from 'vitest'
import { list } from '../../../../src/lifecycle/kinds/list.ts'
import { start } from '../../../../src/lifecycle/kinds/mdev/start.ts'
import { startVgpu } from '../../../../src/lifecycle/kinds/nvidia-vgpu/start-vgpu.ts'
import { applyPlan } from '../../../../src/lifecycle/plan/apply.ts'
import { makePlan } from '../../../../src/lifecycle/plan/make-plan.ts'
import { parseSpec } from '../../../../src/lifecycle/spec/parse-spec.ts'
import { isDone } from '../../../../src/lifecycle/wanted/plan.ts'
import { createMockHost } from '../../../../src/mock-host.ts'

const t4 = '0000:3b:00.0'
const l40s = '0000:41:00.0'
const uuid = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1001'
const other = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1002'

function host(scenario: 'demo' | 'gpu-host') {
  const { kernel, inspect } = createMockHost(scenario)
  const planOf = (...parents: object[]) =>
    makePlan(kernel, parseSpec(JSON.stringify({ version: 1, parents }), 'spec.json'))
  return {
    kernel,
    inspect,
    planOf,
    apply: (parents: object[], options = {}) => applyPlan(kernel, planOf(...parents), options),
    running: () =>
      list(kernel.files)
        .devices.filter(({ active }) => active)
        .map(({ name, parent, type, definition }) => ({ name, parent, type, definition })),
  }
}

describe('what cannot have room is refused before anything is done', () => {
  test.each([
    [
      'another size beside one that stays',
      [{ type: 'T4-4Q', uuid }, { type: 'T4-8Q' }],
      'keep',
      /one framebuffer size/,
    ],
    ['one too many in place of all', [{ type: 'T4-8Q', count: 3 }], 'remove', /there can be 2 of nvidia-233/],
    ['two sizes in place of all', [{ type: 'T4-8Q' }, { type: 'T4-1Q' }], 'remove', /one framebuffer size/],
    ['more than is free', [{ type: 'T4-4Q', count: 5 }], 'keep', /room for 3 more of nvidia-232 .*, and 4 are to come/],
  ])('on a T4 that runs a 4Q: %s', async (_what, devices, others, because) => {
    const { kernel, apply, running, inspect } = host('demo')
    await start(kernel, { uuid, parent: t4, type: 'nvidia-232' })
    const before = running()
    const writes = inspect.writes.length
    await expect(apply([{ parent: t4, devices, others }])).rejects.toMatchObject({
      code: 'NO_INSTANCE_LEFT',
      message: expect.stringMatching(because),
    })
    expect(inspect.writes.length).toBe(writes)
    expect(running()).toEqual(before)
  })

  test.each([
    ['more than the whole card', false, [{ type: 'L40S-24Q', count: 3 }], 'keep', /73728 MiB .* 49152 MiB/],
    [
      'another type beside one that runs',
      true,
      [{ type: 'L40S-8Q' }],
      'keep',
      /takes one type at a time|one framebuffer/,
    ],
    [
      'another type in place of one of two',
      true,
      [{ type: 'L40S-24Q' }, { type: 'L40S-8Q' }],
      'remove',
      /one type|size/,
    ],
  ])('on an L40S: %s', async (_what, carries, devices, others, because) => {
    const { kernel, apply, running } = host('gpu-host')
    if (carries) await startVgpu(kernel, { parent: l40s, type: 'L40S-24Q' })
    const before = running()
    await expect(apply([{ parent: l40s, devices, others }])).rejects.toMatchObject({
      code: 'NO_INSTANCE_LEFT',
      message: expect.stringMatching(because),
    })
    expect(running()).toEqual(before)
  })

  test('the rest is done with keepGoing, and nothing on that card', async () => {
    const { kernel, apply, running } = host('demo')
    await start(kernel, { uuid, parent: t4, type: 'nvidia-232' })
    const wanted = [
      { parent: t4, devices: [{ type: 'T4-8Q', count: 3 }], others: 'remove' },
      { parent: 'mtty', devices: [{ type: 'mtty-2', uuid: other }] },
    ]
    const { done, failed } = await apply(wanted, { keepGoing: true })
    expect(done).toMatchObject([{ uuid: other }])
    expect(new Set(failed.map(({ error }) => (error as { code?: string }).code))).toEqual(new Set(['NO_INSTANCE_LEFT']))
    expect(
      running()
        .map(({ name }) => name)
        .sort(),
    ).toEqual([uuid, other])
  })
})

describe('a card that turns out to have no room', () => {
  test('runs again what it ran: nothing was removed for what does not fit', async () => {
    const { kernel, apply, running } = host('demo')
    await apply([{ parent: 'mtty', devices: [{ type: 'mtty-2', count: 3, autostart: false }] }])
    await start(kernel, { uuid: other, parent: 'mtty', type: 'mtty-1' })
    const before = running()
    const wanted = [{ parent: 'mtty', devices: [{ type: 'mtty-1', count: 25 }], others: 'remove' }]
    const { done, failed, takenBack } = await apply(wanted)
    expect(failed).toMatchObject([
      { error: { code: 'NO_INSTANCE_LEFT', message: expect.stringContaining('mtty is taken back to what it was') } },
    ])
    expect(done).toEqual([])
    expect(takenBack.length).toBeGreaterThan(3)
    expect(running()).toEqual(before)
  }, 30_000)
})

test('two devices that change types with each other on a card of one type all end before the first starts', async () => {
  const { kernel, apply, planOf, running } = host('demo')
  for (const name of [uuid, other]) await start(kernel, { uuid: name, parent: t4, type: 'nvidia-232' })
  const wanted = [{ parent: t4, devices: [uuid, other].map((name) => ({ type: 'T4-8Q', uuid: name })) }]
  expect((await apply(wanted)).failed).toEqual([])
  expect(running().map(({ type }) => type)).toEqual(['nvidia-233', 'nvidia-233'])
  expect(isDone(planOf(...wanted))).toBe(true)
})
