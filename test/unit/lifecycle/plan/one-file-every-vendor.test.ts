import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { Host } from '../../../../src/host.ts'
import { isDone } from '../../../../src/lifecycle/wanted/plan.ts'
import { rebootMock } from '../../../../src/mock/kernel/machine-state.ts'
import { MockKernel } from '../../../../src/mock/kernel/mock-kernel.ts'
import type { Scenario } from '../../../../src/mock/scenario/scenario.ts'
import { a40Host } from '../../../../src/mock/shipped/a40-host.ts'
import { arcPro } from '../../../../src/mock/shipped/arc-pro.ts'
import { blackwell } from '../../../../src/mock/shipped/blackwell.ts'
import { demo } from '../../../../src/mock/shipped/demo.ts'
import { gpuHost } from '../../../../src/mock/shipped/gpu-host.ts'
import { instinct } from '../../../../src/mock/shipped/instinct.ts'
import { driverOf } from '../../mock/pci/pci-scenario.ts'

/** Two parts of a GPU, or serial ports where there is none: the same file for every host. */
const types = '[DC-24Q, L40S-24Q, A40-24Q, i915-GVTg_V5_8, mtty-2]'
const file = `
version: 1
parents:
  - parent: { anyWith: [DC-24Q, L40S-24Q, A40-24Q, i915-GVTg_V5_8, mtty-2, shares] }
    others: remove
    devices:
      - { type: ${types}, vram: 4GiB, quantum: 10ms, count: 2 }
`

interface Case {
  readonly scenario: Scenario
  /** The card that is to have functions first, and how many; null if it has what it needs. */
  readonly functions: { readonly device: string; readonly count: number | 'all'; readonly autoprobe?: boolean } | null
  readonly kind: string
  readonly type: string
}

/** Only what a case needs: all of it is built anew after each write. */
function only(scenario: Scenario, card: string, totalVfs?: number): Scenario {
  const pci = scenario.pci
    .filter(({ address }) => address === card)
    .map((it) => (it.sriov && totalVfs !== undefined ? { ...it, sriov: { ...it.sriov, totalVfs } } : it))
  return { ...scenario, pci, parents: scenario.parents.filter((it) => it.name === card || it.card === card) }
}

const cases: Record<string, Case> = {
  'Intel Arc Pro with xe (Linux 7.1)': {
    scenario: only(arcPro, '0000:03:00.0', 4),
    functions: { device: '0000:03:00.0', count: 4, autoprobe: false },
    kind: 'xe-vf',
    type: 'vram=4GiB,quantum=10ms',
  },
  'NVIDIA RTX PRO 6000 with vGPU 19': {
    scenario: only(blackwell, '0000:41:00.0', 4),
    functions: { device: '0000:41:00.0', count: 'all' },
    kind: 'vgpu',
    type: '1531',
  },
  'NVIDIA L40S with vGPU 17': {
    scenario: only(gpuHost, '0000:41:00.0', 4),
    functions: { device: '0000:41:00.0', count: 'all' },
    kind: 'vgpu',
    type: '1157',
  },
  'NVIDIA A40 before vGPU 17, whose functions are parents of mediated devices': {
    scenario: a40Host,
    functions: { device: '0000:41:00.0', count: 'all' },
    kind: 'mdev',
    type: 'nvidia-566',
  },
  'an Intel GPU with i915 and GVT-g': {
    scenario: only(demo, '0000:00:02.0'),
    functions: null,
    kind: 'mdev',
    type: 'i915-GVTg_V5_8',
  },
  'the kernel’s mtty': { scenario: only(demo, 'mtty'), functions: null, kind: 'mdev', type: 'mtty-2' },
}

function machine(scenario: Scenario) {
  const stateDirectory = mkdtempSync(join(tmpdir(), 'vfioctl-vendors-'))
  const open = () => {
    const host = new Host(new MockKernel(scenario, { stateDirectory }))
    onTestFinished(() => host[Symbol.asyncDispose]())
    return host
  }
  const boot = () => {
    rebootMock(stateDirectory, scenario)
    return open()
  }
  return { host: open(), boot }
}

/** Applies a file, restores it at the next boot, and finds it so. */
async function lives(host: Host, boot: () => Host, text: string): Promise<Host> {
  const { failed } = await host.apply(await host.plan(text))
  expect(failed.map(({ error }) => String(error))).toEqual([])
  expect(isDone(await host.plan(text))).toBe(true)
  const booted = boot()
  const { results } = await booted.restore({ timeoutMs: 5000 })
  expect(results.flatMap(({ error }) => (error === null ? [] : [String(error)]))).toEqual([])
  expect(isDone(await booted.plan(text))).toBe(true)
  return booted
}

describe('one file, unchanged, by the types that a host offers', () => {
  test.each(Object.entries(cases))('%s', async (_, { scenario, functions, kind, type }) => {
    const { host, boot } = machine(scenario)
    if (functions !== null) await host.setVirtualFunctions(functions)
    const booted = await lives(host, boot, file)
    const its = booted.list().devices.map((it) => ({ kind: it.kind, type: it.type, active: it.active }))
    expect(its).toEqual([
      { kind, type, active: true },
      { kind, type, active: true },
    ])
  })

  test('is refused on a host that offers none of them, with their names', async () => {
    const { host } = machine(only(instinct, '0000:05:00.0'))
    await expect(host.plan(file)).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: expect.stringContaining('one that offers DC-24Q or L40S-24Q or'),
    })
  })

  test('names by its type list what functions offer that are there: of those to come nobody knows', async () => {
    const { host } = machine(only(blackwell, '0000:41:00.0', 4))
    const coming = `version: 1\nparents: [{ parent: '41:00.0', sriov: all, devices: [{ type: ${types} }] }]\n`
    await expect(host.plan(coming)).rejects.toMatchObject({ code: 'INVALID_SPEC', message: /offers none of DC-24Q/ })
  })
})

describe('functions of AMD’s gim, which have no types', () => {
  const card = '0000:05:00.0'
  const functions = `
version: 1
bindings: [{ device: { card: '${card}' }, driver: vfio-pci }]
parents: [{ parent: { vendor: '1002', device: '74a1' }, sriov: 4 }]
`

  test('are there by the line of modprobe, and a file gives them their driver at every boot', async () => {
    const { host, boot } = machine(only(instinct, card))
    // gim makes none while it runs
    const { failed } = await host.apply(await host.plan(functions))
    expect(failed.map(({ error }) => String(error))).toEqual([expect.stringMatching(/gim makes them as it is loaded/)])
    await host.writeGimLine({ device: card, count: 4 })
    const booted = await lives(boot(), boot, functions)
    const { functions: cards } = booted.physicalFunctions({ device: card })
    expect(cards[0]?.functions.map((address) => driverOf(booted.kernel, address))).toEqual(Array(4).fill('vfio-pci'))
  })
})
