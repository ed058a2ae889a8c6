import { expect, test } from 'vitest'
import { createMockKernel } from '../../../../src/mock/kernel/mock-kernel.ts'
import type { Scenario } from '../../../../src/mock/scenario/scenario.ts'
import { demo } from '../../../../src/mock/shipped/demo.ts'
import { asyncCodeOf, available, createMdev, numbered, otherUuid, removeMdev, uuid } from '../machine.ts'

const t4 = '0000:3b:00.0'
const gvt = '0000:00:02.0'

test('mtty shares 24 ports between its types, and answers ENOSPC beyond', async () => {
  const kernel = createMockKernel('demo')
  expect([available(kernel, 'mtty', 'mtty-1'), available(kernel, 'mtty', 'mtty-2')]).toEqual([24, 12])
  await createMdev(kernel, 'mtty-1', uuid)
  expect([available(kernel, 'mtty', 'mtty-1'), available(kernel, 'mtty', 'mtty-2')]).toEqual([23, 11])
  for (let index = 0; index < 11; index++) await createMdev(kernel, 'mtty-2', numbered(index))
  expect([available(kernel, 'mtty', 'mtty-1'), available(kernel, 'mtty', 'mtty-2')]).toEqual([1, 0])
  expect(await asyncCodeOf(createMdev(kernel, 'mtty-2', otherUuid))).toBe('ENOSPC')
  await removeMdev(kernel, uuid)
  await createMdev(kernel, 'mtty-2', otherUuid)
  expect(available(kernel, 'mtty', 'mtty-1')).toBe(0)
})

test('a T4 offers one type once it is in use, and answers EINVAL beyond', async () => {
  const kernel = createMockKernel('demo')
  await createMdev(kernel, 'nvidia-233', uuid, t4)
  expect(available(kernel, t4, 'nvidia-233')).toBe(1)
  expect(available(kernel, t4, 'nvidia-222')).toBe(0)
  expect(await asyncCodeOf(createMdev(kernel, 'nvidia-222', otherUuid, t4))).toBe('EINVAL')
  await createMdev(kernel, 'nvidia-233', otherUuid, t4)
  expect(await asyncCodeOf(createMdev(kernel, 'nvidia-233', numbered(1), t4))).toBe('EINVAL')
  await removeMdev(kernel, uuid)
  await removeMdev(kernel, otherUuid)
  expect(available(kernel, t4, 'nvidia-222')).toBe(16)
})

test('GVT-g divides graphics memory: two small ones or one large one, ENOSPC beyond', async () => {
  const kernel = createMockKernel('demo')
  expect([available(kernel, gvt, 'i915-GVTg_V5_8'), available(kernel, gvt, 'i915-GVTg_V5_4')]).toEqual([2, 1])
  await createMdev(kernel, 'i915-GVTg_V5_8', uuid, gvt)
  expect([available(kernel, gvt, 'i915-GVTg_V5_8'), available(kernel, gvt, 'i915-GVTg_V5_4')]).toEqual([1, 0])
  expect(await asyncCodeOf(createMdev(kernel, 'i915-GVTg_V5_4', otherUuid, gvt))).toBe('ENOSPC')
})

test('a driver may leave the count to the mdev core, whose answer is EUSERS', async () => {
  const scenario: Scenario = {
    ...demo,
    parents: demo.parents.map((parent) => ({ ...parent, capacity: { ports: 0 }, whenFull: 'EUSERS' as const })),
  }
  expect(await asyncCodeOf(createMdev(createMockKernel(scenario), 'mtty-1', uuid))).toBe('EUSERS')
})

test('parents do not share room', async () => {
  const kernel = createMockKernel('demo')
  await createMdev(kernel, 'mtty-1', uuid)
  expect(available(kernel, t4, 'nvidia-222')).toBe(16)
})
