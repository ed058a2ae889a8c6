import { describe, expect, onTestFinished, test } from 'vitest'
import { Host } from '../../../../src/host.ts'
import { applyPlan } from '../../../../src/lifecycle/plan/apply.ts'
import { makePlan } from '../../../../src/lifecycle/plan/make-plan.ts'
import { checkRoom } from '../../../../src/lifecycle/plan/room.ts'
import { parseSpec } from '../../../../src/lifecycle/spec/parse-spec.ts'
import { isDone, itemName, itemsOf } from '../../../../src/lifecycle/wanted/plan.ts'
import { createMockKernel } from '../../../../src/mock/kernel/mock-kernel.ts'

const l40s = '0000:41:00.0'
const rtx = '0000:61:00.0'

function gpuHost() {
  const host = new Host(createMockKernel('gpu-host'))
  onTestFinished(() => host[Symbol.asyncDispose]())
  const plan = (yaml: string, label?: string) => makePlan(host.kernel, parseSpec(yaml, 'spec.yaml', label))
  return {
    host,
    plan,
    apply: (yaml: string, label?: string) => applyPlan(host.kernel, plan(yaml, label)),
    running: () => host.list({ active: true }).devices.map(({ name, type }) => `${name} ${type}`),
    /** Items of the plan that would change something: action, name and reason of each. */
    told: (yaml: string, label?: string) => {
      const items = itemsOf(plan(yaml, label)).filter(({ action }) => action !== 'keep')
      return items.map((item) => `${item.action} ${itemName(item)}: ${item.reason}`)
    },
  }
}

const twoOnEach = `
version: 1
parents:
  - parent: 41:00.0
    devices:
      - { type: L40S-24Q, count: 2 }
  - parent: 61:00.0
    sriov: 8
    devices:
      - { type: DC-12Q, function: "61:01.1" }
      - { type: DC-12Q, count: 2 }
`

describe('a spec of vendor vGPUs', () => {
  test('is planned before its virtual functions are there, made in order, and nothing is left to do', async () => {
    const { told, plan, apply, running, host } = gpuHost()
    expect(told(twoOnEach)).toEqual([
      `change ${rtx}: has 0 virtual functions`,
      'create 0000:61:01.1: is not there',
      'create 0000:41:00.4: is not there',
      'create 0000:41:00.5: is not there',
      'create 0000:61:00.4: is not there',
      'create 0000:61:00.5: is not there',
    ])
    expect(running()).toEqual([])
    const { done, failed } = await apply(twoOnEach)
    expect(failed).toEqual([])
    expect(done).toHaveLength(6)
    expect(running()).toEqual([
      '0000:41:00.4 1157',
      '0000:41:00.5 1157',
      '0000:61:00.4 1504',
      '0000:61:00.5 1504',
      '0000:61:01.1 1504',
    ])
    expect(host.list({ defined: true }).devices).toHaveLength(5)
    expect(isDone(plan(twoOnEach))).toBe(true)
  })

  test('has what was changed by hand repaired, and touches nothing else', async () => {
    const { told, apply, running, host } = gpuHost()
    await apply(twoOnEach)
    const before = running()
    await host.stop({ name: '0000:41:00.5' })
    await host.modify({ name: '0000:61:00.4', start: 'manual' })
    expect(told(twoOnEach)).toEqual([
      'change 0000:61:00.4: is defined to start otherwise',
      'create 0000:41:00.5: is defined and does not run',
    ])
    await apply(twoOnEach)
    expect(running()).toEqual(before)
    expect(told(twoOnEach)).toEqual([])
  })

  test('ends all of an old type before the first of another, which the card would refuse beside it', async () => {
    const { apply, running, told } = gpuHost()
    await apply(twoOnEach)
    const other = twoOnEach
      .replace('L40S-24Q', 'L40S-16Q')
      .replaceAll('DC-12Q', 'DC-24Q')
      .replaceAll('count: 2', 'count: 3')
    const all = `${other.replaceAll('    devices:', '    others: remove\n    devices:')}`
    const { failed } = await apply(all)
    expect(failed).toEqual([])
    expect(running()).toEqual([
      '0000:41:00.4 1155',
      '0000:41:00.5 1155',
      '0000:41:00.6 1155',
      ...['0000:61:00.4', '0000:61:00.5', '0000:61:00.6', '0000:61:01.1'].map((name) => `${name} 1506`),
    ])
    expect(told(all)).toEqual([])
  })

  test('ends none that a process has open: that is said before anything is done', async () => {
    const { apply, running, host } = gpuHost()
    await apply(twoOnEach)
    const before = running()
    const device = await host.openDevice('0000:41:00.4')
    onTestFinished(() => device.close())
    const none = `version: 1\nparents: [{ parent: ${l40s}, others: remove }]`
    await expect(apply(none)).rejects.toMatchObject({ code: 'DEVICE_BUSY', facts: { busy: ['0000:41:00.4'] } })
    expect(running()).toEqual(before)
  })

  test('of NVIDIA’s vgpu-device-manager says all that a card carries', async () => {
    const { apply, running, told } = gpuHost()
    const config = (type: string, count: number) =>
      `version: v1\nvgpu-configs:\n  x:\n    - device-filter: "0x26B910DE"\n      devices: all\n      vgpu-devices: { ${type}: ${count} }\n`
    await apply(config('L40S-24Q', 2), 'x')
    expect(running()).toEqual(['0000:41:00.4 1157', '0000:41:00.5 1157'])
    expect(told(config('L40S-24Q', 2), 'x')).toEqual([])
    await apply(config('L40S-48Q', 1), 'x')
    expect(running()).toEqual(['0000:41:00.4 1159'])
  })

  test.each([
    ['a function that the card has not', `{ type: L40S-24Q, function: "41:09.1" }`, 'has no such virtual function'],
    ['a UUID', '{ type: L40S-24Q, uuid: 83b8f4f2-509f-382f-3c1e-e6bfe0fa1001 }', 'has no UUID: function names it'],
    ['more than it has functions', '{ type: L40S-1Q, count: 5 }', 'has no function left'],
    ['a type that nobody knows', '{ type: L40S-3Q }', "has no type 'L40S-3Q'"],
  ])('is refused with %s', (_, devices, because) => {
    const { plan } = gpuHost()
    const refused = () => checkRoom(plan(`version: 1\nparents: [{ parent: 41:00.0, devices: [${devices}] }]`))
    expect(refused).toThrow(because)
  })

  test('gives a network card its virtual functions too, and keeps their number', async () => {
    const { apply, plan, host } = gpuHost()
    const spec = 'version: 1\nparents: [{ parent: 81:00.0, sriov: 4 }]'
    expect(plan(spec).sriov).toMatchObject([
      { action: 'change', count: 4, steps: [{ action: 'write', value: '4' }, { action: 'save' }] },
    ])
    await apply(spec)
    expect(host.physicalFunctions().functions.map(({ count }) => count)).toEqual([4, 0, 4, 0])
    expect(isDone(plan(spec))).toBe(true)
  })
})
