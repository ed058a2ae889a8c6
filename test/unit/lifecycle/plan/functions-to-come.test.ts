import { describe, expect, onTestFinished, test } from 'vitest'
import { parsePciAddress } from '../../../../src/base/units.ts'
import { boundDriver } from '../../../../src/host/group-members.ts'
import type { Kernel } from '../../../../src/kernel/kernel.ts'
import { list } from '../../../../src/lifecycle/kinds/list.ts'
import { stopVgpu } from '../../../../src/lifecycle/kinds/nvidia-vgpu/stop-vgpu.ts'
import { applyPlan } from '../../../../src/lifecycle/plan/apply.ts'
import { makePlan } from '../../../../src/lifecycle/plan/make-plan.ts'
import { parseSpec } from '../../../../src/lifecycle/spec/parse-spec.ts'
import { setVirtualFunctions } from '../../../../src/lifecycle/sriov/set-functions.ts'
import { isDone, itemName, itemsOf } from '../../../../src/lifecycle/wanted/plan.ts'
import { createMockKernel } from '../../../../src/mock/kernel/mock-kernel.ts'

const port = '0000:81:00.0'

function mock(): Kernel {
  const kernel = createMockKernel('gpu-host')
  onTestFinished(() => kernel.dispose())
  return kernel
}

function planOf(kernel: Kernel, bindings: object[], ...parents: object[]) {
  return makePlan(kernel, parseSpec(JSON.stringify({ version: 1, bindings, parents }), 'spec.json'))
}

function driver({ files }: Kernel, device: string): string | null {
  return boundDriver(files, `/sys/bus/pci/devices/${device}/driver`)
}

describe('drivers of virtual functions', () => {
  const bindings = [{ device: '81:01.0' }]
  const having = (count: number) => ({ parent: port, sriov: count })

  test.each([0, 2, 8])('of a card that has %i and is to have 4 are planned and made in one go', async (before) => {
    const kernel = mock()
    await setVirtualFunctions(kernel, { device: port, count: before })
    const plan = planOf(kernel, bindings, having(4))
    expect(itemsOf(plan).map(itemName)).toEqual([port, '0000:81:01.0'])
    expect(await applyPlan(kernel, plan)).toMatchObject({ failed: [], remaining: [] })
    expect([0, 1, 2, 3].map((index) => driver(kernel, `0000:81:01.${index}`))).toEqual([
      'vfio-pci',
      'iavf',
      'iavf',
      'iavf',
    ])
    expect(isDone(planOf(kernel, bindings, having(4)))).toBe(true)
  })

  test('are given anew where the number changes: the functions come anew, with the driver that they had at first', async () => {
    const kernel = mock()
    await applyPlan(kernel, planOf(kernel, bindings, having(4)))
    const plan = planOf(kernel, bindings, having(8))
    expect(plan.bindings).toMatchObject([{ action: 'bind', reason: `comes with the virtual functions of ${port}` }])
    await applyPlan(kernel, plan)
    expect(driver(kernel, '0000:81:01.0')).toBe('vfio-pci')
    expect(isDone(planOf(kernel, bindings, having(8)))).toBe(true)
  })

  test.each([
    ['a range', '81:01.0-81:01.7', 4],
    ['ids', { vendor: '8086', device: '1889' }, 4],
  ])('chosen by %s are those that will be there', async (_what, device, count) => {
    const kernel = mock()
    await setVirtualFunctions(kernel, { device: port, count: 8 })
    const wanted = [{ device }]
    const plan = planOf(kernel, wanted, having(count))
    expect(plan.bindings).toHaveLength(count)
    await applyPlan(kernel, plan)
    expect(isDone(planOf(kernel, wanted, having(count)))).toBe(true)
  })

  test('the writes are told beforehand', async () => {
    const kernel = mock()
    await setVirtualFunctions(kernel, { device: port, count: 2 })
    const [binding] = planOf(kernel, bindings, having(4)).bindings
    expect(binding?.steps.map((step) => ('value' in step ? `${step.value} > ${step.path}` : step.path))).toEqual([
      'vfio-pci > /sys/bus/pci/devices/0000:81:01.0/driver_override',
      '0000:81:01.0 > /sys/bus/pci/devices/0000:81:01.0/driver/unbind',
      '0000:81:01.0 > /sys/bus/pci/drivers_probe',
      '/etc/vfioctl.d/bindings/0000:81:01.0.json',
    ])
  })

  test('a range of nothing but functions that go with the number is refused before anything is done', async () => {
    const kernel = mock()
    await setVirtualFunctions(kernel, { device: port, count: 8 })
    const refused = expect.objectContaining({ code: 'NOT_FOUND', message: expect.stringContaining('in this file') })
    expect(() => planOf(kernel, [{ device: '81:01.0-81:01.7' }], having(0))).toThrow(refused)
  })

  test('one that goes with the number is refused before anything is done', async () => {
    const kernel = mock()
    await setVirtualFunctions(kernel, { device: port, count: 8 })
    expect(() => planOf(kernel, [{ device: '81:01.7' }], having(4))).toThrow(
      expect.objectContaining({ code: 'INVALID_SPEC', message: expect.stringContaining(port) }),
    )
  })
})

test('before its card has functions again, a vGPU that is defined is the one that the file asks for', async () => {
  const kernel = mock()
  const wanted = { parent: '61:00.0', sriov: 2, devices: [{ type: 'DC-24Q', count: 1 }] }
  await applyPlan(kernel, planOf(kernel, [], wanted))
  for (const { name } of list(kernel.files).devices) await stopVgpu(kernel, parsePciAddress(name))
  await setVirtualFunctions(kernel, { device: '61:00.0', count: 0, transient: true })
  await applyPlan(kernel, planOf(kernel, [], wanted))
  expect(planOf(kernel, [], wanted).entries.map(({ action }) => action)).toEqual(['keep'])
})
