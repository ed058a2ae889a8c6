import { expect, test } from 'vitest'
import { openLinux } from '../../../../src/kernel/linux.ts'
import { makePlan } from '../../../../src/lifecycle/plan/make-plan.ts'
import { parseSpec } from '../../../../src/lifecycle/spec/parse-spec.ts'
import { itemName } from '../../../../src/lifecycle/wanted/plan.ts'
import { HostTree, uuids } from '../../host-tree.ts'

test('10,000 devices of a type are planned in seconds, each with a name of its own, those there first', () => {
  const [there] = uuids
  const { root } = new HostTree()
    .type('card', 'small', { available_instances: '4000000000\n' })
    .definition('card', there, '{ "mdev_type": "small", "start": "auto" }')
  const text = 'version: 1\nparents: [{ parent: card, devices: [{ type: small, count: 10000 }] }]'
  const { entries } = makePlan(openLinux({ root }), parseSpec(text, 'many.yaml'))
  expect(new Set(entries.map(itemName)).size).toBe(10_000)
  expect(entries.filter(({ reason }) => reason !== 'is not there').map(itemName)).toEqual([there])
}, 20_000)
