import { expect, onTestFinished, test } from 'vitest'
import { parsePciAddress } from '../../../../src/base/units.ts'
import { typeRows } from '../../../../src/cli/output/type-rows.ts'
import { physicalFunctionOf } from '../../../../src/host/sriov.ts'
import { readDeviceTypes } from '../../../../src/lifecycle/kinds/device-types.ts'
import { startDevice } from '../../../../src/lifecycle/kinds/device-verbs.ts'
import { setVirtualFunctions } from '../../../../src/lifecycle/sriov/set-functions.ts'
import { createMockKernel } from '../../../../src/mock/kernel/mock-kernel.ts'

const card = '0000:41:00.0'

test('functions of one card that offer the same share rows, and one that carries a device has its own', async () => {
  const kernel = createMockKernel('a40-host')
  onTestFinished(() => kernel.dispose())
  await setVirtualFunctions(kernel, { device: card, count: 'all' })
  const shown = () => {
    const { types } = readDeviceTypes(kernel.files, { parent: card })
    const rows = typeRows(types, (parent) => physicalFunctionOf(kernel.files, parsePciAddress(parent)))
    return rows.map(({ parents, type, count }) => [parents, type.type, type.available, count])
  }
  const types = ['nvidia-558', 'nvidia-563', 'nvidia-564', 'nvidia-566']
  expect(shown()).toEqual(types.map((type) => ['0000:41:00.4 … 0000:41:02.3 (16 functions)', type, 1, 16]))

  await startDevice(kernel, { parent: '0000:41:00.6', type: 'nvidia-566' })
  const smaller = (free: number) => types.map((type) => [type, type === 'nvidia-566' ? free : 0])
  expect(shown()).toEqual([
    ...smaller(1).map(([type, free]) => ['0000:41:00.4 … 0000:41:00.5 (2 functions)', type, free, 2]),
    ...smaller(0).map(([type, free]) => ['0000:41:00.6', type, free, 1]),
    ...smaller(1).map(([type, free]) => ['0000:41:00.7 … 0000:41:02.3 (13 functions)', type, free, 13]),
  ])
})

test('cards that are no functions of one card stay apart, though they offer the same', () => {
  const kernel = createMockKernel('demo')
  onTestFinished(() => kernel.dispose())
  const [type] = readDeviceTypes(kernel.files).types
  if (type === undefined) throw new Error('the demo host offers nothing')
  const two = [type, { ...type, parent: '0000:5e:00.0' }]
  expect(typeRows(two, () => null).map(({ count }) => count)).toEqual([1, 1])
  const ofTwoCards = typeRows(two, (parent) => parent)
  expect(ofTwoCards.map(({ parents }) => parents)).toEqual([type.parent, '0000:5e:00.0'])
})
