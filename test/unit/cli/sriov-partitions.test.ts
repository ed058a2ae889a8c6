import { expect, test } from 'vitest'
import { instinctTree } from '../host/instinct-tree.ts'
import { runHere, stateFolder } from './run-here.ts'

test('sriov shows below its table how gim has divided a GPU, and how it can', async () => {
  const { status, stdout } = await runHere(['sriov', '--root', instinctTree()], stateFolder())
  expect(status).toBe(0)
  expect(stdout.split('\n').slice(2)).toEqual([
    '0000:05:00.0: SPX (partitions: 1), memory NPS1 of NPS1 NPS4; 8 XCC, 16 SDMA, 4 VCN, 32 JPEG',
    '  profile 0: SPX, partitions: 1, memory NPS1',
    '  profile 3: CPX, partitions: 8, memory NPS1 NPS4',
    '',
  ])
})
