import fc from 'fast-check'
import { expect, test } from 'vitest'
import { VfioError } from '../../../../src/base/errors.ts'
import { list } from '../../../../src/lifecycle/kinds/list.ts'
import { type Applied, applyPlan } from '../../../../src/lifecycle/plan/apply.ts'
import { makePlan } from '../../../../src/lifecycle/plan/make-plan.ts'
import { parseSpec } from '../../../../src/lifecycle/spec/parse-spec.ts'
import { isDone, itemName, type Plan } from '../../../../src/lifecycle/wanted/plan.ts'
import { createMockHost, type MockHost } from '../../../../src/mock-host.ts'
import { isSoak } from '../../../soak.ts'

/** Files for a host, one applied after the other, and whether a process holds the first device that runs meanwhile. */
interface Story {
  readonly scenario: 'demo' | 'gpu-host' | 'a40-host' | 'mainframe'
  readonly files: readonly { readonly content: object; readonly isHeld: boolean }[]
}

const uuid = fc.constantFrom(...[1, 2, 3].map((n) => `83b8f4f2-509f-382f-3c1e-e6bfe0fa100${n}`))
const others = fc.constantFrom('keep', 'remove')

function devices(types: readonly string[], named: fc.Arbitrary<object>, most: number) {
  const wanted = fc.oneof(
    fc.nat({ max: most }).map((count) => ({ count })),
    named,
  )
  const rest = fc.record({
    type: fc.constantFrom(...types),
    autostart: fc.boolean(),
    owner: fc.option(fc.constantFrom({ group: '36' }, { mode: '0660' }), { nil: undefined, freq: 3 }),
  })
  return fc.array(
    fc.tuple(wanted, rest).map(([one, other]) => ({ ...one, ...other })),
    { maxLength: 2 },
  )
}

function mdevs(parent: string | object, types: readonly string[], most: number) {
  const its = devices(
    types,
    uuid.map((it) => ({ uuid: it })),
    most,
  )
  return fc.record({ parent: fc.constant(parent), devices: its, others })
}

function vgpus(parent: string, types: readonly string[], functions: readonly string[], sriov: fc.Arbitrary<unknown>) {
  const its = devices(
    types,
    fc.constantFrom(...functions).map((it) => ({ function: it })),
    3,
  )
  return fc.record({ parent: fc.constant(parent), sriov, devices: its, others })
}

const numbers = fc.option(fc.nat({ max: 4 }), { nil: undefined })

const parents = {
  demo: fc.oneof(
    mdevs('mtty', ['mtty-1', 'mtty-2'], 4),
    mdevs('3b:00.0', ['T4-1B', 'T4-1Q', 'T4-4Q', 'T4-8Q', 'T4-16Q'], 3),
    mdevs('00:02.0', ['i915-GVTg_V5_4', 'i915-GVTg_V5_8'], 3),
    mdevs('mdpy', ['mdpy-vga', 'mdpy-hd'], 2),
    mdevs('mbochs', ['mbochs-small', 'mbochs-large'], 2),
    mdevs({ anyWith: 'mtty-1' }, ['mtty-1'], 3),
    mdevs({ vendor: '10de' }, ['T4-4Q'], 5),
  ),
  'gpu-host': fc.oneof(
    mdevs('3b:00.0', ['T4-4Q', 'T4-8Q'], 3),
    vgpus('41:00.0', ['L40S-8Q', 'L40S-24Q', 'L40S-48Q'], ['41:00.4', '41:00.5'], fc.constant(undefined)),
    vgpus('61:00.0', ['DC-12Q', 'DC-24Q', 'DC-96Q'], ['61:00.4', '61:00.5', '61:01.0'], numbers),
    fc.record({
      parent: fc.constantFrom('81:00.0', '81:00.1'),
      sriov: fc.oneof(numbers, fc.record({ count: fc.nat({ max: 4 }), autoprobe: fc.boolean() })),
    }),
  ),
  'a40-host': fc.oneof(
    vgpus(
      '41:00.0',
      ['A40-8Q', 'A40-24Q', 'A40-12Q'],
      ['41:00.4', '41:00.5', '41:01.0'],
      fc.constantFrom(undefined, 'all', 'all', 0),
    ),
    mdevs('41:00.4', ['A40-8Q', 'A40-24Q'], 1),
    mdevs('3b:00.0', ['T4-4Q', 'T4-8Q'], 3),
    fc.record({ parent: fc.constant('b1:00.0'), sriov: numbers }),
  ),
  mainframe: fc.oneof(
    mdevs('matrix', ['vfio_ap-passthrough'], 2),
    mdevs('0.0.0313', ['vfio_ccw-io'], 2),
    mdevs('0.0.0004', ['vfio_ccw-io'], 1),
  ),
}

const binding = {
  demo: fc.record({
    device: fc.constantFrom('00:1f.3', '00:1f.4', '00:1f.1-00:1f.5'),
    driver: fc.constantFrom('vfio-pci', 'none'),
    group: fc.boolean(),
  }),
  'gpu-host': fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        device: fc.constantFrom('81:01.0', '81:01.2', '81:01.0-81:01.7', '81:00.1', '82:00.0'),
        driver: fc.constantFrom('vfio-pci', 'vfio-pci', 'none'),
      }),
    },
    // cards and functions that other parts of the file need
    {
      weight: 2,
      arbitrary: fc.record({
        device: fc.constantFrom('81:00.0', '3b:00.0', '41:00.0', '41:00.4', '61:00.4'),
        driver: fc.constant('none'),
      }),
    },
  ),
  'a40-host': fc.record({ device: fc.constantFrom('b1:01.0', '41:00.4'), driver: fc.constantFrom('vfio-pci', 'none') }),
  mainframe: fc.constant({ device: '3b:00.0' }),
}

const story: fc.Arbitrary<Story> = fc
  .constantFrom('demo', 'demo', 'gpu-host', 'gpu-host', 'a40-host', 'mainframe')
  .chain((name) => {
    const scenario = name as Story['scenario']
    const content = fc
      .tuple(
        fc.array(parents[scenario] as fc.Arbitrary<object>, { minLength: 1, maxLength: 3 }),
        fc.array(binding[scenario] as fc.Arbitrary<object>, { maxLength: scenario === 'mainframe' ? 0 : 1 }),
      )
      .map(([its, bindings]) => ({ version: 1, bindings, parents: its }))
    const isHeld = fc.integer({ min: 0, max: 3 }).map((it) => it === 0)
    return fc.record({
      scenario: fc.constant(scenario),
      files: fc.array(fc.record({ content, isHeld }), { minLength: 5, maxLength: 5 }),
    })
  })

/** The same stories each time; others where it runs for long, or by the seed that a run has told. */
const seed = Number(process.env['VFIOCTL_SEED'] ?? (isSoak ? Date.now() % 2 ** 31 : 1))

test('what a file asks for is there once its apply has ended well, or nothing was touched, or what ran still runs', async () => {
  await fc.assert(
    fc.asyncProperty(story, async ({ scenario, files }) => {
      const host = createMockHost(scenario)
      try {
        for (const file of files) await applyOne(host, file)
      } finally {
        await host.kernel.dispose()
      }
    }),
    { numRuns: isSoak ? 4000 : 200, seed },
  )
}, 3_600_000)

async function applyOne({ kernel, inspect }: MockHost, { content, isHeld }: Story['files'][number]): Promise<void> {
  const before = running(kernel)
  const writes = inspect.writes.length
  const held = isHeld ? hold(kernel) : null
  const outcome = await attempt(kernel, content)
  held?.close()
  const after = running(kernel)
  if (held !== null) expect(after).toContain(held.device)
  if (outcome instanceof VfioError) {
    expect(inspect.writes.length).toBe(writes)
    expect(after).toEqual(before)
    return
  }
  const { plan, applied } = outcome
  if (applied.failed.length === 0) {
    expect(describe(planOf(kernel, content))).toEqual([])
    const made = inspect.writes.length
    await attempt(kernel, content)
    expect(inspect.writes.length).toBe(made)
    return
  }
  const errors = applied.failed.map(({ error }) => error)
  expect(errors.every((error) => error instanceof VfioError)).toBe(true)
  const names = applied.failed.map(({ error }) => (error as VfioError).code)
  expect({ names: new Set(names), plan: describe(plan), message: String(errors[0]) }).toMatchObject({
    names: new Set(['NO_INSTANCE_LEFT']),
  })
  // what the file lets go elsewhere is gone; the card on which something found no room is as it was
  const short = new Set(applied.failed.map(({ entry }) => ('parent' in entry ? entry.parent : entry.device)))
  const gone = applied.done.flatMap((item) => {
    return item.action === 'remove' && !short.has(item.parent) ? [itemName(item)] : []
  })
  for (const device of before) {
    if (!gone.some((name) => device.startsWith(`${name} `))) expect(after).toContain(device)
  }
}

type Kernel = MockHost['kernel']

/** The error where nothing was begun. */
async function attempt(kernel: Kernel, content: object): Promise<VfioError | { plan: Plan; applied: Applied }> {
  try {
    const plan = planOf(kernel, content)
    return { plan, applied: await applyPlan(kernel, plan) }
  } catch (error) {
    if (error instanceof VfioError) return error
    throw error
  }
}

function planOf(kernel: Kernel, content: object): Plan {
  return makePlan(kernel, parseSpec(JSON.stringify(content), 'spec.json'))
}

function describe(plan: Plan): string[] {
  if (isDone(plan)) return []
  return [...plan.bindings, ...plan.sriov, ...plan.entries]
    .filter(({ action }) => action !== 'keep')
    .map((item) => `${item.action} ${item.kind} ${'uuid' in item ? item.uuid : item.device}: ${item.reason}`)
}

function running({ files }: Kernel): string[] {
  return list(files)
    .devices.filter(({ active }) => active)
    .map(({ name, parent, type }) => `${name} ${parent} ${type}`)
}

/** The first device that runs, open as a virtual machine has it. */
function hold(kernel: Kernel): { device: string; close: () => void } | null {
  const [first] = list(kernel.files).devices.filter(({ active, node }) => active && node !== null)
  if (first === undefined) return null
  const group = kernel.open(first.node ?? '', 'rw')
  return { device: `${first.name} ${first.parent} ${first.type}`, close: () => kernel.close(group) }
}
