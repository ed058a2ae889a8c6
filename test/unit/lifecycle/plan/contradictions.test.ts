import { expect, onTestFinished, test } from 'vitest'
import type { Kernel } from '../../../../src/kernel/kernel.ts'
import { bind } from '../../../../src/lifecycle/bindings/bind.ts'
import { applyPlan } from '../../../../src/lifecycle/plan/apply.ts'
import { makePlan } from '../../../../src/lifecycle/plan/make-plan.ts'
import { checkRoom } from '../../../../src/lifecycle/plan/room.ts'
import { parseSpec } from '../../../../src/lifecycle/spec/parse-spec.ts'
import { setVirtualFunctions } from '../../../../src/lifecycle/sriov/set-functions.ts'
import { isDone, itemName } from '../../../../src/lifecycle/wanted/plan.ts'
import { createMockKernel } from '../../../../src/mock/kernel/mock-kernel.ts'

const port = '0000:81:00.0'
const enableSriov = '/sys/module/vfio_pci/parameters/enable_sriov'

function gpuHost(): Kernel {
  const kernel = createMockKernel('gpu-host')
  onTestFinished(() => kernel.dispose())
  return kernel
}

function planOf(kernel: Kernel, bindings: object[], ...parents: object[]) {
  return makePlan(kernel, parseSpec(JSON.stringify({ version: 1, bindings, parents }), 'spec.json'))
}

test.each([
  ['functions of a card and a driver that makes none', [{ device: port }], { parent: port, sriov: 1 }, port],
  ['functions of a card and no driver', [{ device: port, driver: 'none' }], { parent: port, sriov: 1 }, port],
  [
    'mediated devices on a parent that loses its driver',
    [{ device: '3b:00.0' }],
    { parent: '3b:00.0', devices: [{ type: 'T4-4Q' }] },
    '0000:3b:00.0',
  ],
  [
    'what goes from a card, and the card from its driver',
    [{ device: '3b:00.0' }],
    { parent: '3b:00.0', others: 'remove' },
    '0000:3b:00.0',
  ],
  [
    'vGPUs on a card that loses its driver',
    [{ device: '41:00.0' }],
    { parent: '41:00.0', devices: [{ type: 'L40S-8Q' }] },
    '0000:41:00.0',
  ],
  [
    'a vGPU of a function that loses its driver',
    [{ device: '41:00.4' }],
    { parent: '41:00.0', devices: [{ type: 'L40S-8Q', function: '41:00.4' }] },
    '0000:41:00.4',
  ],
  [
    'a vGPU of a function that is to come with another driver',
    [{ device: '61:00.4', driver: 'none' }],
    { parent: '61:00.0', sriov: 2, devices: [{ type: 'DC-24Q', function: '61:00.4' }] },
    '0000:61:00.4',
  ],
])('in one file, %s: INVALID_SPEC with both places', (_what, bindings, parent, device) => {
  const refused = {
    code: 'INVALID_SPEC',
    message: expect.stringMatching(`${device}: bindings give it to .*, and parents`),
  }
  expect(() => planOf(gpuHost(), bindings, parent)).toThrow(expect.objectContaining(refused))
})

test.each([
  [
    'a contradiction',
    'bindings:\n  - device: 81:00.0\nparents:\n  - { parent: 81:00.0, sriov: 5 }',
    'INVALID_SPEC',
    3,
    5,
  ],
  [
    'two numbers of functions for one card',
    'parents:\n  - { parent: 81:00.0, sriov: 5 }\n  - { parent: 81:00.0, sriov: 6 }',
    'INVALID_SPEC',
    4,
    5,
  ],
  [
    'two drivers for one device',
    'bindings:\n  - device: 82:00.0\n  - { device: 82:00.0, driver: none }',
    'INVALID_SPEC',
    4,
    5,
  ],
  [
    'a card without room',
    'parents:\n  - parent: 3b:00.0\n    devices:\n      - { type: T4-8Q, count: 0 }\n      - { type: T4-4Q, count: 9 }',
    'NO_INSTANCE_LEFT',
    6,
    9,
  ],
  [
    'a card without functions for all',
    'parents:\n  - parent: 61:00.0\n    sriov: 2\n    devices:\n      - { type: DC-24Q, count: 3 }',
    'NO_INSTANCE_LEFT',
    6,
    9,
  ],
])('%s is told with line and column of its entry', (_what, content, code, line, column) => {
  const kernel = gpuHost()
  const plan = () => checkRoom(makePlan(kernel, parseSpec(`version: 1\n${content}`, 'spec.yaml')))
  const message = expect.stringContaining(`spec.yaml:${line}:${column}: `)
  expect(plan).toThrow(expect.objectContaining({ code, message, facts: expect.objectContaining({ line, column }) }))
})

test('a card is not given away by the file that gives its functions away', async () => {
  const kernel = gpuHost()
  await setVirtualFunctions(kernel, { device: port, count: 4 })
  const message = expect.stringMatching(
    /81:00\.0: bindings give it to vfio-pci, and its virtual function 0000:81:01\.0/,
  )
  expect(() => planOf(kernel, [{ device: port }, { device: '81:01.0' }])).toThrow(
    expect.objectContaining({ code: 'INVALID_SPEC', message }),
  )
  expect(() => planOf(kernel, [{ device: port }], { parent: port, sriov: 4 })).toThrow(/ask for 4 virtual functions/)
})

test('a card that has been given away makes no functions: NOT_SUPPORTED, with what mends it', async () => {
  const kernel = gpuHost()
  await bind(kernel, { device: port })
  const refused = { code: 'NOT_SUPPORTED', hint: expect.stringMatching(`^vfioctl release ${port} .*enable_sriov`) }
  expect(() => planOf(kernel, [], { parent: port, sriov: 1 })).toThrow(expect.objectContaining(refused))
  await kernel.files.write(enableSriov, 'Y')
  expect(planOf(kernel, [], { parent: port, sriov: 1 }).sriov).toMatchObject([{ action: 'change', count: 1 }])
})

test('vfio-pci makes functions if it is told to: one file gives it the card and asks for some', async () => {
  const kernel = gpuHost()
  await kernel.files.write(enableSriov, 'Y')
  const plan = () => planOf(kernel, [{ device: port }], { parent: port, sriov: 2 })
  expect(await applyPlan(kernel, plan())).toMatchObject({ failed: [], remaining: [] })
  expect(isDone(plan())).toBe(true)
})

test('a count of vGPUs takes no function that the same file gives away', async () => {
  const kernel = gpuHost()
  const wanted = { parent: '41:00.0', devices: [{ type: 'L40S-8Q', count: 1 }] }
  const plan = planOf(kernel, [{ device: '41:00.4', driver: 'none' }], wanted)
  expect(plan.entries.map(itemName)).toEqual(['0000:41:00.5'])
  expect(await applyPlan(kernel, plan)).toMatchObject({ failed: [], remaining: [] })
  expect(isDone(planOf(kernel, [{ device: '41:00.4', driver: 'none' }], wanted))).toBe(true)
})
