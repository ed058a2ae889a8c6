import fc from 'fast-check'
import { expect, test } from 'vitest'
import { RecurringMap } from '../../../../src/vfio/address-space/recurring-map.ts'

interface Changed {
  set(key: number, value: number): unknown
  delete(key: number): unknown
  clear(): void
}

type Step = readonly [act: 'set' | 'delete' | 'clear', key: number, value: number]

function take(map: Changed, [act, key, value]: Step): void {
  if (act === 'set') map.set(key, value)
  else if (act === 'delete') map.delete(key)
  else map.clear()
}

test('holds what a Map would, whatever comes and goes', () => {
  const step = fc.tuple(
    fc.oneof({ weight: 20, arbitrary: fc.constantFrom('set', 'delete') }, fc.constant('clear')),
    fc.nat(40),
    fc.nat(),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200, size: 'max' }), (steps) => {
      const [ours, map] = [new RecurringMap<number, number>(), new Map<number, number>()]
      const emptied = Array.from({ length: 41 }, (_, key): Step => ['delete', key, 0])
      for (const step of [...steps, ...emptied]) {
        take(ours, step)
        take(map, step)
        expect(ours.size).toBe(map.size)
        expect(new Map(ours)).toEqual(map)
        expect(ours.get(step[1])).toBe(map.get(step[1]))
      }
    }),
  )
})
