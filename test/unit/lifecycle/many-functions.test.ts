import { expect, onTestFinished, test } from 'vitest'
import { Host } from '../../../src/host.ts'
import { cacheTypeNames } from '../../../src/lifecycle/kinds/nvidia-vgpu/cache-type-names.ts'
import { applyPlan } from '../../../src/lifecycle/plan/apply.ts'
import { makePlan } from '../../../src/lifecycle/plan/make-plan.ts'
import { parseSpec } from '../../../src/lifecycle/spec/parse-spec.ts'
import { isDone } from '../../../src/lifecycle/wanted/plan.ts'
import { MockKernel } from '../../../src/mock/kernel/mock-kernel.ts'
import type { Scenario } from '../../../src/mock/scenario/scenario.ts'
import { arcPro } from '../../../src/mock/shipped/arc-pro.ts'
import { blackwell } from '../../../src/mock/shipped/blackwell.ts'
import { gpuHost } from '../../../src/mock/shipped/gpu-host.ts'
import { isSoak, tell } from '../../soak.ts'
import { countedKernel } from './counted-kernel.ts'

/** Numbers of functions, each twice the one before. A simulated host takes long for many: it is built anew at each write. */
const sizes: readonly [number, number, number] = isSoak ? [32, 64, 128] : [4, 8, 16]

interface Sort {
  readonly scenario: Scenario
  readonly card: string
  /** The part of a spec for these functions of the card. */
  readonly spec: (functions: readonly string[]) => object
  /** Names of the files that are written once for the card, and once for each function. */
  readonly once: readonly string[]
  readonly each: readonly string[]
  /** The devices that are started by themselves; null for functions that are no devices. */
  readonly start: ((name: string) => Parameters<Host['start']>[0]) | null
}

const sorts: Readonly<Record<string, Sort>> = {
  'shares of an Intel GPU': {
    scenario: arcPro,
    card: '0000:03:00.0',
    spec: (functions) => ({
      parents: [
        {
          parent: '03:00.0',
          sriov: { count: functions.length, autoprobe: false },
          devices: functions.map((it) => ({ function: it, vram: '64MiB', quantum: '10ms', driver: 'xe-vfio-pci' })),
        },
      ],
    }),
    once: ['sriov_drivers_autoprobe', 'sriov_numvfs'],
    each: ['vram_quota', 'exec_quantum_ms', 'driver_override', 'drivers_probe'],
    start: (name) => ({ name, shares: { quantumMs: 20 } }),
  },
  'vGPUs of an NVIDIA card': {
    scenario: blackwell,
    card: '0000:41:00.0',
    spec: (functions) => ({
      parents: [
        {
          parent: '41:00.0',
          sriov: functions.length,
          devices: functions.map((it) => ({ function: it, type: '1519' })),
        },
      ],
    }),
    once: [],
    each: ['current_vgpu_type'],
    start: (name) => ({ name }),
  },
  'functions of a network card': {
    scenario: gpuHost,
    card: '0000:81:00.0',
    spec: (functions) => ({
      parents: [{ parent: '81:00.0', sriov: { count: functions.length, autoprobe: false } }],
      bindings: [{ device: { card: '81:00.0' }, driver: 'vfio-pci' }],
    }),
    once: ['sriov_drivers_autoprobe', 'sriov_numvfs'],
    each: ['driver_override', 'drivers_probe'],
    start: null,
  },
}

/** One card alone, with so many functions, on a host that begins with that disk. */
function hostWith(sort: Sort, total: number, disk: Scenario['disk'] = sort.scenario.disk) {
  const { scenario, card } = sort
  const pci = scenario.pci
    .filter(({ address }) => address === card)
    .map((it) => (it.sriov === undefined ? it : { ...it, sriov: { ...it.sriov, totalVfs: total } }))
  const mock = new MockKernel({ ...scenario, pci, parents: [], ...(disk && { disk }) }, {})
  const { kernel, during } = countedKernel(mock)
  const host = new Host(kernel)
  onTestFinished(() => host[Symbol.asyncDispose]())
  for (const { vgpus } of pci) cacheTypeNames(kernel.files, vgpus?.types ?? [])
  return { host, kernel, during, diskNow: () => mock.machine.store.read().disk }
}

async function lifeOf(sort: Sort, total: number) {
  const functions = functionsOf(sort, total)
  const spec = parseSpec(JSON.stringify({ version: 1, ...sort.spec(functions) }), 'spec.yaml')
  const first = hostWith(sort, total)
  const apply = await first.during(async () => {
    expect((await applyPlan(first.kernel, makePlan(first.kernel, spec))).failed).toEqual([])
  })
  const again = await first.during(() => expect(isDone(makePlan(first.kernel, spec))).toBe(true))
  const disk = Object.fromEntries(Object.entries(first.diskNow()).filter(([path]) => !path.startsWith('/run/')))
  const next = hostWith(sort, total, disk)
  const restore = await next.during(async () => {
    const { results } = await next.host.restore()
    expect(results.filter(({ outcome }) => outcome === 'failed' || outcome === 'no-parent')).toEqual([])
  })
  const starts = await next.during(async () => {
    for (const name of functions) if (sort.start !== null) await next.host.start(sort.start(name))
  })
  return { apply, again, restore, starts, functions }
}

/** In the order of their numbers, as a host that has them lists them. */
function functionsOf(sort: Sort, total: number): readonly string[] {
  const { kernel } = hostWith(sort, total)
  const read = (name: string) => Number(kernel.files.read(`/sys/bus/pci/devices/${sort.card}/${name}`))
  const [domain = '', bus = ''] = sort.card.split(':')
  const hex = (id: number) => id.toString(16).padStart(2, '0')
  return Array.from({ length: total }, (_, at) => {
    const id = Number.parseInt(bus, 16) * 256 + read('sriov_offset') + at * read('sriov_stride')
    return `${domain}:${hex(id >> 8)}:${hex((id >> 3) & 31)}.${id & 7}`
  })
}

function byName(paths: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const path of paths) {
    const name = path.split('/').at(-1) ?? ''
    counts[name] = (counts[name] ?? 0) + 1
  }
  return counts
}

test.each(Object.entries(sorts))(
  '%s: twice as many take twice the looks at the host, and each no more writes than it needs',
  async (name, sort) => {
    const lives = []
    for (const total of sizes) lives.push(await lifeOf(sort, total))
    const [small, middle, large] = lives
    if (small === undefined || middle === undefined || large === undefined) throw new Error('there are three')
    for (const what of ['apply', 'again', 'restore', 'starts'] as const) {
      const [a, b, c] = [small[what].looks, middle[what].looks, large[what].looks]
      tell(`${name}, ${what}: ${a}, ${b}, ${c} looks for ${sizes.join(', ')} functions`)
      // of what grows with the square, the second step is four times the first; the clock adds a look now and then
      expect([what, (c - b) / Math.max(b - a, 1)]).toEqual([what, expect.toSatisfy((ratio: number) => ratio < 2.4)])
    }
    for (const { apply, restore, again, functions } of lives) {
      const wanted = Object.fromEntries([
        ...sort.once.map((it) => [it, 1]),
        ...sort.each.map((it) => [it, functions.length]),
      ])
      expect(byName(apply.written)).toEqual(wanted)
      expect(byName(restore.written)).toEqual(wanted)
      expect(again.written).toEqual([])
    }
  },
  isSoak ? 1_800_000 : 60_000,
)
