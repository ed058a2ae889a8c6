import { describe, expect, onTestFinished, test } from 'vitest'
import { parsePciAddress } from '../../../../src/base/units.ts'
import { readPhysicalFunction } from '../../../../src/host/sriov.ts'
import { list } from '../../../../src/lifecycle/kinds/list.ts'
import { stop } from '../../../../src/lifecycle/kinds/mdev/stop.ts'
import { applyPlan } from '../../../../src/lifecycle/plan/apply.ts'
import { makePlan } from '../../../../src/lifecycle/plan/make-plan.ts'
import { parseSpec } from '../../../../src/lifecycle/spec/parse-spec.ts'
import { setVirtualFunctions } from '../../../../src/lifecycle/sriov/set-functions.ts'
import { isDone, itemName } from '../../../../src/lifecycle/wanted/plan.ts'
import { createMockHost, type MockHost } from '../../../../src/mock-host.ts'

const card = parsePciAddress('41:00.0')

function hostOf(scenario: 'a40-host' | 'gpu-host' = 'a40-host'): MockHost {
  const host = createMockHost(scenario)
  onTestFinished(() => host.kernel.dispose())
  return host
}

function planOf({ kernel }: MockHost, ...parents: object[]) {
  return makePlan(kernel, parseSpec(JSON.stringify({ version: 1, parents }), 'spec.json'))
}

function running({ kernel }: MockHost): string[] {
  const { devices } = list(kernel.files)
  const its = devices.filter(({ active }) => active)
  return its.map(({ kind, name, parent, type }) => `${kind} ${kind === 'vgpu' ? name : parent} ${type}`)
}

function functions({ kernel }: MockHost): number | undefined {
  return readPhysicalFunction(kernel.files, card)?.count
}

async function applied(host: MockHost, ...parents: object[]): Promise<void> {
  expect(await applyPlan(host.kernel, planOf(host, ...parents))).toMatchObject({ failed: [], remaining: [] })
  expect(isDone(planOf(host, ...parents))).toBe(true)
}

const owner = { mode: '0660' }

describe('virtual functions that come as parents of mediated devices, as NVIDIA’s driver makes them before vGPU 17', () => {
  test.each<[string, object, string[]]>([
    [
      'so many',
      { type: 'NVIDIA A40-8Q', count: 2, owner },
      ['mdev 0000:41:00.4 nvidia-563', 'mdev 0000:41:00.5 nvidia-563'],
    ],
    ['one on its function', { type: 'A40-24Q', function: '41:01.0' }, ['mdev 0000:41:01.0 nvidia-566']],
  ])('carry what a file asks for, %s, and a second apply finds it', async (_what, devices, expected) => {
    const host = hostOf()
    await applied(host, { parent: '41:00.0', sriov: 'all', devices: [devices] })
    expect(running(host)).toEqual(expected)
  })

  test('a function that is to come is a parent by itself', async () => {
    const host = hostOf()
    await applied(host, { parent: '41:00.0', sriov: 'all' }, { parent: '41:00.4', devices: [{ type: 'A40-8Q' }] })
    expect(running(host)).toEqual(['mdev 0000:41:00.4 nvidia-563'])
  })

  test('a plan says that only the driver tells which kind of device it will be', () => {
    const { entries } = planOf(hostOf(), { parent: '41:00.0', sriov: 'all', devices: [{ type: 'A40-8Q' }] })
    expect(entries.map(({ reason }) => reason)).toEqual([
      'is not there; it will be a mediated device if the driver makes those',
    ])
  })

  test('what was defined on them before is started again, and nothing is defined beside it', async () => {
    const host = hostOf()
    const wanted = { parent: '41:00.0', sriov: 'all', devices: [{ type: 'A40-8Q', function: '41:01.0' }] }
    await applied(host, wanted)
    const [made] = list(host.kernel.files).devices
    await stop(host.kernel, { uuid: made?.name ?? '' })
    await setVirtualFunctions(host.kernel, { device: card, count: 0 })
    await applied(host, { parent: '41:00.0', sriov: 'all', devices: [{ type: 'A40-8Q', count: 1 }] })
    expect(list(host.kernel.files).devices).toMatchObject([{ name: made?.name, active: true }])
  })

  test.each([
    ['has no such type', [{ type: 'A40-8Q' }, { type: 'A40-9Q' }], 'NOT_FOUND'],
    ['has no room for all', [{ type: 'A40-24Q', count: 3 }], 'NO_INSTANCE_LEFT'],
  ])('a card that %s is taken back to what it was, without functions', async (_what, devices, code) => {
    const host = hostOf()
    const plan = planOf(host, { parent: '41:00.0', sriov: 'all', devices })
    const { failed, done, takenBack } = await applyPlan(host.kernel, plan)
    expect(failed).toMatchObject([{ error: { code, message: expect.stringContaining('with 0 virtual functions') } }])
    expect(done).toEqual([])
    expect(takenBack.map(itemName)).toContain(card)
    expect(list(host.kernel.files).devices).toEqual([])
    expect(functions(host)).toBe(0)
    expect(host.kernel.files.list('/etc/vfioctl.d/sriov')).toEqual([])
  })
})

test('a file that takes a card’s functions asks for no mediated device on them', async () => {
  const host = hostOf()
  await setVirtualFunctions(host.kernel, { device: card, count: 'all' })
  const plan = () => planOf(host, { parent: '41:00.0', sriov: 0, devices: [{ type: 'A40-8Q' }] })
  expect(plan).toThrow(
    expect.objectContaining({ code: 'INVALID_SPEC', message: expect.stringContaining(`of ${card}`) }),
  )
})

test('a card of which nothing is asked is as it should be also if no driver has its function', async () => {
  const host = hostOf('gpu-host')
  const parents = [{ parent: '61:00.0', sriov: 1, others: 'remove' }]
  const spec = { version: 1, bindings: [{ device: '61:00.4', driver: 'none' }], parents }
  const plan = () => makePlan(host.kernel, parseSpec(JSON.stringify(spec), 'spec.json'))
  expect(await applyPlan(host.kernel, plan())).toMatchObject({ failed: [] })
  expect(isDone(plan())).toBe(true)
})

test('a card that is to have no functions, and nothing on them, is as it should be once it has none', async () => {
  await applied(hostOf('gpu-host'), { parent: '61:00.0', sriov: 0, others: 'remove' })
})

describe('a function that is named as a parent', () => {
  test('is one that the file’s own number of functions will bring', async () => {
    const host = hostOf('gpu-host')
    await applied(host, { parent: '61:00.0', sriov: 2 }, { parent: '61:00.4', devices: [{ type: 'DC-24Q' }] })
    expect(running(host)).toEqual(['vgpu 0000:61:00.4 1506'])
  })

  test('carries what is asked of it alone: other functions of its card keep theirs', async () => {
    const host = hostOf('gpu-host')
    const devices = [{ type: 'DC-24Q', count: 1 }]
    await applied(host, { parent: '61:00.0', sriov: 2, devices: [{ type: 'DC-24Q', count: 2 }] })
    expect(isDone(planOf(host, { parent: '61:00.5', devices, others: 'remove' }))).toBe(true)
  })

  test.each([
    [2, 'the first 2 virtual functions alone'],
    [0, 'no virtual functions'],
  ])('is refused if the file gives its card %i functions, and it is none of them', (sriov, words) => {
    const host = hostOf('gpu-host')
    const plan = () => planOf(host, { parent: '61:00.0', sriov }, { parent: '61:00.6', devices: [{ type: 'DC-24Q' }] })
    expect(plan).toThrow(expect.objectContaining({ code: 'INVALID_SPEC', message: expect.stringContaining(words) }))
  })
})
