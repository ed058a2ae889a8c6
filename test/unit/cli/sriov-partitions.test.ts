import { expect, test } from 'vitest'
import type { Io } from '../../../src/cli/io/io.ts'
import { run } from '../../../src/cli/run.ts'
import { instinctTree } from '../host/instinct-tree.ts'

test('sriov shows below its table how gim has divided a GPU, and how it can', async () => {
  const out: string[] = []
  const io: Io = {
    out: (text) => out.push(String(text)),
    err: (text) => out.push(text),
    readFile: () => expect.fail('no file is named'),
    interruption: () => new AbortController().signal,
    confirm: async () => null,
    readerGone: new AbortController().signal,
    program: ['/usr/local/bin/vfioctl'],
    caller: 1,
    showPage: async () => false,
    env: {},
  }
  expect(await run(['sriov', '--root', instinctTree()], io)).toBe(0)
  expect(out.join('').split('\n').slice(2)).toEqual([
    '0000:05:00.0: SPX (partitions: 1), memory NPS1 of NPS1 NPS4; 8 XCC, 16 SDMA, 4 VCN, 32 JPEG',
    '  profile 0: SPX, partitions: 1, memory NPS1',
    '  profile 3: CPX, partitions: 8, memory NPS1 NPS4',
    '',
  ])
})
