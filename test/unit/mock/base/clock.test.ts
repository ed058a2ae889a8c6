import { expect, test } from 'vitest'
import { Clock } from '../../../../src/mock/base/clock.ts'

test('held time moves by what it is advanced, and what is due happens in order, at its own time', () => {
  const clock = new Clock()
  clock.hold()
  const start = clock.now
  const seen: [string, number][] = []
  const note = (name: string) => seen.push([name, clock.now - start])
  clock.after(20, () => note('late'))
  clock.after(10, () => {
    note('early')
    clock.after(5, () => note('set meanwhile'))
  })
  clock.after(10, () => note('set second'))
  clock.advance(9)
  expect(seen).toEqual([])
  clock.advance(11)
  expect(seen).toEqual([
    ['early', 10],
    ['set second', 10],
    ['set meanwhile', 15],
    ['late', 20],
  ])
  expect(clock.now - start).toBe(20)
})

test('advancing stops once enough has happened', () => {
  const clock = new Clock()
  clock.hold()
  let rings = 0
  for (const at of [1, 2, 3]) clock.after(at, () => rings++)
  clock.advance(10, () => rings === 2)
  expect(rings).toBe(2)
  clock.advance(10)
  expect(rings).toBe(3)
})

test('what was called off does not happen', () => {
  const clock = new Clock()
  clock.hold()
  let rang = false
  const callOff = clock.after(1, () => {
    rang = true
  })
  callOff()
  clock.advance(2)
  expect(rang).toBe(false)
})

test('time that is not held passes by itself', async () => {
  const clock = new Clock()
  await new Promise<void>((resolve) => clock.after(1, resolve))
  expect(clock.isHeld).toBe(false)
})
