import { expect, test } from 'vitest'
import { readPhysicalFunctions } from '../../../src/host/sriov.ts'
import { openLinux } from '../../../src/kernel/linux.ts'
import { card, folder, gimFiles, instinctTree } from './instinct-tree.ts'

function onRoot(changed?: Parameters<typeof instinctTree>[0]) {
  return openLinux({ root: instinctTree(changed) })
}

test('a GPU with gim shows its partitions, and those that it can have', () => {
  const { functions, warnings } = readPhysicalFunctions(onRoot().files)
  expect(warnings).toEqual([])
  expect(functions).toMatchObject([
    {
      address: card,
      driver: 'gim',
      partitions: {
        profile: { index: 0, type: 'SPX', partitions: 1 },
        memory: 'NPS1',
        profiles: [
          { index: 0, type: 'SPX', partitions: 1, memory: ['NPS1'] },
          { index: 3, type: 'CPX', partitions: 8, memory: ['NPS1', 'NPS4'] },
        ],
        memoryModes: ['NPS1', 'NPS4'],
        engines: { xcc: 8, sdma: 16, vcn: 4, jpeg: 32 },
      },
    },
  ])
})

test('what gim fails to tell is a warning with its words, and the rest is shown', () => {
  const kernel = onRoot({ memory_partition_mode: 'failed to get current mp mode\n' })
  const { functions, warnings } = readPhysicalFunctions(kernel.files)
  expect(functions[0]?.partitions).toMatchObject({ memory: null, profile: { type: 'SPX' } })
  expect(warnings).toEqual([
    { path: `/${folder}/memory_partition_mode`, message: "says 'failed to get current mp mode'" },
  ])
})

test('a gim without these files has no partitions to show', () => {
  const none = Object.fromEntries(Object.keys(gimFiles).map((name) => [name, null]))
  const { functions, warnings } = readPhysicalFunctions(onRoot(none).files)
  expect(functions[0]).not.toHaveProperty('partitions')
  expect(warnings).toEqual([])
})
