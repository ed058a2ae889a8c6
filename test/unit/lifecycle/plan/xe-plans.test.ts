import fc from 'fast-check'
import { expect, test } from 'vitest'
import { VfioError } from '../../../../src/base/errors.ts'
import type { Host } from '../../../../src/host.ts'
import type { Kernel } from '../../../../src/kernel/kernel.ts'
import { applyPlan } from '../../../../src/lifecycle/plan/apply.ts'
import { makePlan } from '../../../../src/lifecycle/plan/make-plan.ts'
import { parseSpec } from '../../../../src/lifecycle/spec/parse-spec.ts'
import { isDone, itemName, itemsOf } from '../../../../src/lifecycle/wanted/plan.ts'
import { isSoak } from '../../../soak.ts'
import { driverOf } from '../../mock/pci/pci-scenario.ts'
import { crashingKernel, Killed } from '../crashing-kernel.ts'
import { arcHost, b50, gib, rebooted } from '../kinds/xe-vf/arc-host.ts'

const functions = [1, 2, 3, 4].map((number) => `0000:03:00.${number}`)

function planOf(kernel: Pick<Kernel, 'files'>, spec: string | object) {
  return makePlan(kernel, parseSpec(typeof spec === 'string' ? spec : JSON.stringify(spec), 'spec.yaml'))
}

/** All that a file can ask for, and what is kept of it. */
function ending({ kernel }: Pick<Host, 'kernel'>) {
  const { files } = kernel
  const pf = `/sys/bus/pci/devices/${b50}`
  const profile = (at: number, file: string) => files.read(`${pf}/sriov_admin/vf${at + 1}/profile/${file}`).trim()
  const kept = ['sriov', 'bindings', 'xe-functions'].map((kind) => `/etc/vfioctl.d/${kind}`)
  return {
    count: files.read(`${pf}/sriov_numvfs`),
    autoprobe: files.read(`${pf}/sriov_drivers_autoprobe`),
    shares: functions.map((address, at) => [
      ...['vram_quota', 'exec_quantum_ms', 'preempt_timeout_us', 'sched_priority'].map((file) => profile(at, file)),
      files.kind(`/sys/bus/pci/devices/${address}`) === null ? null : driverOf(kernel as never, address),
    ]),
    kept: kept.map((folder) =>
      files.kind(folder) === null ? [] : files.list(folder).map((name) => [name, files.read(`${folder}/${name}`)]),
    ),
  }
}

const whole = `
version: 1
parents:
  - parent: 03:00.0
    sriov: { count: 3, autoprobe: false }
    others: remove
    devices:
      - { function: '03:00.1', vram: 6GiB, quantum: 10ms, priority: normal, driver: xe-vfio-pci }
      - { count: 1, vram: 2GiB, timeout: 20ms, priority: normal }
`

test('a file with shares is planned in the order that Linux wants, and comes back at boot as it was', async () => {
  const { host, kernel } = arcHost()
  const plan = planOf(kernel, whole)
  const steps = itemsOf(plan).flatMap((item) => item.steps.map((step) => step.path.split('/').slice(-2).join('/')))
  const order = [
    'xe-functions/',
    `${b50}/sriov_drivers_autoprobe`,
    'profile/vram_quota',
    `${b50}/sriov_numvfs`,
    '/driver_override',
  ]
  const places = order.map((part) => steps.findIndex((step) => step.includes(part)))
  expect(places).toEqual([...places].sort((a, b) => a - b))
  expect(places).not.toContain(-1)
  expect((await applyPlan(kernel, plan)).failed).toEqual([])
  expect(ending(host).shares).toEqual([
    [String(6 * gib), '10', '0', 'low [normal]', 'xe-vfio-pci'],
    [String(2 * gib), '0', '20000', 'low [normal]', null],
    ['0', '0', '0', 'low [normal]', null],
    ['0', '0', '0', 'low [normal]', null],
  ])
  const next = rebooted(kernel)
  await next.host.restore()
  expect(ending(next.host)).toEqual(ending(host))
  expect(isDone(planOf(next.kernel, whole))).toBe(true)
})

test('a file cannot ask a card for two priorities, for no VRAM, or for what is no share', () => {
  const { kernel } = arcHost()
  for (const devices of [
    '[{ vram: 1GiB, priority: normal }, { vram: 2GiB }]',
    '[{ quantum: 10ms }]',
    '[{ vram: 1GB1 }]',
    '[{ type: shares }]',
    '[{ vram: 1GiB, driver: vfio-pci }]',
  ]) {
    const spec = `version: 1\nparents: [{ parent: '03:00.0', sriov: 2, devices: ${devices} }]\n`
    expect(() => planOf(kernel, spec)).toThrow(expect.objectContaining({ code: 'INVALID_SPEC' }))
  }
})

const shares = fc.record(
  {
    vram: fc.constantFrom('1GiB', '2GiB', '6GiB', '12GiB'),
    quantum: fc.constantFrom('10ms', '20ms'),
    timeout: fc.constantFrom('5ms', '500us'),
  },
  { requiredKeys: ['vram'] },
)
const devices = fc.uniqueArray(
  fc.tuple(
    fc.oneof(
      fc.nat({ max: 3 }).map((count) => ({ count })),
      fc.constantFrom(...functions).map((it) => ({ function: it })),
    ),
    shares,
  ),
  { maxLength: 3, selector: ([named]) => ('function' in named ? named.function : {}) },
)
const file = fc
  .record({
    sriov: fc.option(
      fc.oneof(fc.nat({ max: 4 }), fc.record({ count: fc.nat({ max: 4 }), autoprobe: fc.constant(false) })),
      { nil: undefined },
    ),
    others: fc.constantFrom('keep', 'remove'),
    devices,
    priority: fc.constantFrom(undefined, 'low', 'normal'),
  })
  .map(({ devices: its, priority, ...parent }) => ({
    version: 1,
    parents: [{ parent: '03:00.0', ...parent, devices: its.map(([named, rest]) => ({ ...named, ...rest, priority })) }],
  }))

const seed = Number(process.env['VFIOCTL_SEED'] ?? (isSoak ? Date.now() % 2 ** 31 : 1))

test('whatever file is applied on whatever came before, all of it is there and is back after a boot, or nothing was touched', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(file, { minLength: 2, maxLength: 3 }), async (files) => {
      const { host, kernel } = arcHost()
      // the host's driver keeps VRAM as it is
      await kernel.files.write(`/sys/bus/pci/devices/${b50}/sriov_drivers_autoprobe`, '0')
      for (const content of files) {
        const before = ending(host)
        const outcome = await Promise.resolve()
          .then(async () => applyPlan(kernel, planOf(kernel, content)))
          .catch((error: unknown) => error)
        if (outcome instanceof VfioError) {
          expect(ending(host)).toEqual(before)
          continue
        }
        const { failed } = outcome as Awaited<ReturnType<typeof applyPlan>>
        if (failed.length > 0) {
          expect(failed.map(({ error }) => (error as VfioError).code)).toEqual(['NO_INSTANCE_LEFT'])
          continue
        }
        expect(undone(kernel, content)).toEqual([])
        const next = rebooted(kernel)
        await next.kernel.files.write(`/sys/bus/pci/devices/${b50}/sriov_drivers_autoprobe`, '0')
        await next.host.restore()
        if (content.parents[0]?.sriov !== undefined) expect(undone(next.kernel, content)).toEqual([])
      }
    }),
    { numRuns: isSoak ? 2000 : 25, seed },
  )
}, 3_600_000)

function undone(kernel: Pick<Kernel, 'files'>, content: object): string[] {
  return itemsOf(planOf(kernel, content))
    .filter(({ action }) => action !== 'keep')
    .map((item) => `${item.action} ${itemName(item)}: ${item.reason}`)
}

test('killed after any of its changes to the host, and applied again, it always comes to the same end', async () => {
  const drifted = async () => {
    const machine = arcHost()
    const { host } = machine
    await host.setVirtualFunctions({ device: b50, count: 2, autoprobe: false })
    await host.define({ name: '0000:03:00.2', shares: { vram: 5 * gib }, start: 'auto' })
    return machine
  }
  const first = await drifted()
  expect((await applyPlan(first.kernel, planOf(first.kernel, whole))).failed).toEqual([])
  const end = ending(first.host)
  for (let after = 1; ; after++) {
    const { host, kernel } = await drifted()
    const { kernel: crashing, died, death } = crashingKernel(kernel, after)
    const attempt = Promise.resolve().then(() => applyPlan(crashing, planOf(crashing, whole), { signal: death }))
    const outcome = await attempt.catch((error: unknown) => error)
    if (!died()) {
      expect(after).toBeGreaterThan(20)
      break
    }
    if (outcome instanceof Error) expect(outcome).toBeInstanceOf(Killed)
    expect((await applyPlan(kernel, planOf(kernel, whole))).failed).toEqual([])
    expect({ after, ...ending(host) }).toEqual({ after, ...end })
    expect(isDone(planOf(kernel, whole))).toBe(true)
  }
}, 600_000)

test('a driver of a function to come that the kernel has no module for is found in the plan', () => {
  const { host } = arcHost()
  const misspelt = whole.replace('driver: xe-vfio-pci', 'driver: xe-vfio-pcii')
  expect(() => planOf(host.kernel, misspelt)).toThrow('there is no PCI driver xe-vfio-pcii')
  expect(planOf(host.kernel, whole).bindings).toHaveLength(1)
})
