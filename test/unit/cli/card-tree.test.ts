import { describe, expect, test } from 'vitest'
import type { CardNode } from '../../../src/cli/output/card-tree.ts'
import { cardTreeText } from '../../../src/cli/output/card-tree-text.ts'
import { runHere, stateFolder } from './run-here.ts'

const uuid = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1001'

/** The tree of a simulated host after these commands, its columns parted by single spaces. */
async function treeAfter(mock: string, lines: readonly string[], options: readonly string[] = []): Promise<string[]> {
  const folder = stateFolder()
  for (const line of lines) {
    const { status, stderr } = await runHere([...line.split(' '), `--mock=${mock}`], folder)
    expect({ line, status, stderr }).toMatchObject({ status: 0 })
  }
  const { status, stdout } = await runHere(['types', '--tree', ...options, `--mock=${mock}`], folder)
  expect(status).toBe(0)
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => line.replace(/ {2,}/g, ' ').trim())
}

describe('types --tree', () => {
  test('mediated devices stand below their types, and a defined one takes no memory', async () => {
    const start = `start -u ${uuid} -p 3b:00.0 -t nvidia-232`
    const tree = await treeAfter('demo', [start, `define -u ${uuid.replace('1001', '1002')} -p 3b:00.0 -t nvidia-232`])
    expect(tree).toContain('0000:3b:00.0 16 GiB 25 %')
    expect(tree).toContain(`│ ├─ ${uuid} active 4 GiB 25 %`)
    expect(tree).toContain(`│ └─ ${uuid.replace('1001', '1002')} inactive 4 GiB`)
  })

  test('functions of one card are one card, and the devices on them its own', async () => {
    const start = `start -u ${uuid} -p 0000:41:00.6 -t nvidia-558`
    const tree = await treeAfter('a40-host', ['sriov 41:00.0 all', start], ['-p', '41:00.0'])
    expect(tree.filter((line) => line.startsWith('0000:'))).toEqual(['0000:41:00.0 48 GiB 8 %'])
    expect(tree).toContain('├─ nvidia-558 NVIDIA A40-4Q up to 15 free 4 GiB')
    expect(tree).toContain(`│ └─ ${uuid} active 4 GiB 8 %`)
  })

  test('vGPUs stand beside the GPU instances of their card', async () => {
    const tree = await treeAfter('blackwell', ['gpu-mode 41:00.0 --mig 2g.48gb+gfx'])
    expect(tree).toContain('├─ GPU instance 1 2g.48gb+gfx')
  })

  test('shares of Intel’s cards have their VRAM', async () => {
    const tree = await treeAfter('arc-pro', ['sriov 03:00.0 2 --autoprobe off', 'start 03:00.1 --vram 2G'])
    expect(tree).toContain('├─ 0000:03:00.1 vram=2GiB active 2 GiB')
  })

  test('functions that gim makes stand below their card with its partition', async () => {
    const tree = await treeAfter('instinct', [])
    expect(tree).toContain('0000:05:00.0 SPX NPS1 1 of 8 virtual functions')
    expect(tree.filter((line) => line.includes('0000:05:00.2'))).toHaveLength(1)
  })

  test.each([['--type nvidia-232'], ['--json'], ['-q'], ['--no-headers']])('refuses %s', async (option) => {
    const words = ['types', '--tree', ...option.split(' '), '--mock']
    expect(await runHere(words, stateFolder())).toMatchObject({ status: 2, stdout: '' })
  })
})

describe('the bar of memory', () => {
  const nothing = { what: null, state: null, usedBy: null, memoryMiB: null, children: [] }
  const card = (taken: number): CardNode => ({ ...nothing, name: '0000:3b:00.0', taken })
  const lineOf = (taken: number, width: number | null) => cardTreeText([card(taken)], width).split('\n')[1]

  test('is only in a terminal, as wide as the terminal has room, and else per cent alone', () => {
    expect(lineOf(0.5, null)).toBe('0000:3b:00.0   50 %')
    expect(lineOf(0.5, 24)).toBe('0000:3b:00.0   50 %')
    expect(lineOf(0.5, 30)).toBe('0000:3b:00.0   50 % █████░░░░░')
    expect(lineOf(0.5, 200)).toBe(`0000:3b:00.0   50 % ${'█'.repeat(12)}${'░'.repeat(12)}`)
  })

  test('is empty and full only if nothing or all is taken', () => {
    expect([0, 0.001, 0.999, 1].map((taken) => lineOf(taken, 30)?.slice(-10))).toEqual([
      '░░░░░░░░░░',
      '█░░░░░░░░░',
      '█████████░',
      '██████████',
    ])
  })
})
