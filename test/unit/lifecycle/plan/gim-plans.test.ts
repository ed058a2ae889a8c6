import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, onTestFinished, test } from 'vitest'
import { VfioError } from '../../../../src/base/errors.ts'
import { findPhysicalFunction } from '../../../../src/host/sriov.ts'
import { Host } from '../../../../src/host.ts'
import { applyPlan } from '../../../../src/lifecycle/plan/apply.ts'
import { makePlan } from '../../../../src/lifecycle/plan/make-plan.ts'
import { parseSpec } from '../../../../src/lifecycle/spec/parse-spec.ts'
import { writeGimLine } from '../../../../src/lifecycle/sriov/gim-line.ts'
import { isDone } from '../../../../src/lifecycle/wanted/plan.ts'
import { rebootMock } from '../../../../src/mock/kernel/machine-state.ts'
import { MockKernel } from '../../../../src/mock/kernel/mock-kernel.ts'
import type { Scenario } from '../../../../src/mock/scenario/scenario.ts'
import { instinct } from '../../../../src/mock/shipped/instinct.ts'
import { isSoak } from '../../../soak.ts'
import { driverOf } from '../../mock/pci/pci-scenario.ts'
import { crashingKernel } from '../crashing-kernel.ts'

const [eight, one] = ['0000:05:00.0', '0000:26:00.0'] as const
const line = '/etc/modprobe.d/vfioctl-gim.conf'

/** Fewer functions: all of it is built anew after each write. */
const scenario: Scenario = {
  ...instinct,
  pci: instinct.pci
    .filter(({ gim }) => gim !== undefined)
    .map((it) => (it.sriov && it.address === eight ? { ...it, sriov: { ...it.sriov, totalVfs: 4 } } : it)),
}

function machine(stateDirectory = mkdtempSync(join(tmpdir(), 'vfioctl-gim-'))) {
  const kernel = new MockKernel(scenario, { stateDirectory })
  const host = new Host(kernel)
  onTestFinished(() => host[Symbol.asyncDispose]())
  const boot = async () => {
    await host[Symbol.asyncDispose]()
    rebootMock(stateDirectory, scenario)
    return machine(stateDirectory)
  }
  return { kernel, host, boot }
}

/** Functions with their drivers, and all that is kept. */
function ending(kernel: MockKernel) {
  const { files } = kernel
  const folder = '/etc/vfioctl.d/bindings'
  return {
    functions: [eight, one].map((card) =>
      findPhysicalFunction(files, card).functions.map((address) => driverOf(kernel, address)),
    ),
    bindings: files.kind(folder) === null ? [] : files.list(folder),
    line: files.kind(line) === null ? null : files.read(line),
    folder: files.list('/etc/modprobe.d').filter((name) => !name.startsWith('.')),
  }
}

function planOf(kernel: MockKernel, content: object) {
  return makePlan(kernel, parseSpec(JSON.stringify(content), 'spec.json'))
}

const story = fc.record({
  asked: fc.array(
    fc.record({
      device: fc.constantFrom(eight, one),
      count: fc.oneof(fc.constant('all' as const), fc.nat({ max: 5 })),
    }),
    { maxLength: 3 },
  ),
  driver: fc.constantFrom('vfio-pci', 'none', 'pci-stub'),
  virtfn: fc.constantFrom(undefined, 0, [0, 1]),
  sriov: fc.constantFrom(undefined, 0, 1, 2, 4),
})
const seed = Number(process.env['VFIOCTL_SEED'] ?? (isSoak ? Date.now() % 2 ** 31 : 1))

test('whatever is asked of gim is there at its next boot, and a file then holds, now and at each boot, or nothing was touched', async () => {
  await fc.assert(
    fc.asyncProperty(story, async ({ asked, driver, virtfn, sriov }) => {
      const first = machine()
      // gim's own number is one; a line that is taken out says nothing of any GPU
      let wanted: Readonly<Record<string, number>> = { [eight]: 1, [one]: 1 }
      for (const request of asked) {
        const before = ending(first.kernel)
        const outcome = await writeGimLine(first.kernel, request).catch((error: unknown) => error)
        if (outcome instanceof VfioError) {
          expect(outcome.code).toBe('OUT_OF_RANGE')
          expect(ending(first.kernel)).toEqual(before)
        } else {
          expect({ ...ending(first.kernel), line: null, folder: [] }).toEqual({ ...before, line: null, folder: [] })
          expect(await writeGimLine(first.kernel, request)).toMatchObject({ changed: false })
          const count = request.count === 'all' ? { [eight]: 4, [one]: 1 }[request.device] : request.count
          wanted = count === 0 ? { [eight]: 1, [one]: 1 } : { ...wanted, [request.device]: Number(count) }
        }
      }
      const second = await first.boot()
      const made = Object.fromEntries(
        second.host.physicalFunctions().functions.map(({ address, count }) => [address, count]),
      )
      expect(made).toEqual(wanted)
      const choice = { card: eight, ...(virtfn === undefined ? {} : { virtfn }) }
      const content = {
        version: 1,
        bindings: [{ device: choice, driver }],
        parents: sriov === undefined ? [] : [{ parent: eight, sriov }],
      }
      const before = ending(second.kernel)
      const outcome = await Promise.resolve()
        .then(async () => applyPlan(second.kernel, planOf(second.kernel, content)))
        .catch((error: unknown) => error)
      if (outcome instanceof VfioError || (outcome as { failed: unknown[] }).failed.length > 0) {
        // a number that gim does not make while it runs, or a function that is not there by it
        expect(ending(second.kernel).functions).toEqual(before.functions)
        return
      }
      expect(isDone(planOf(second.kernel, content))).toBe(true)
      const after = ending(second.kernel)
      const third = await second.boot()
      const { results } = await third.host.restore({ timeoutMs: 1000 })
      expect(results.flatMap(({ error }) => (error === null ? [] : [String(error)]))).toEqual([])
      expect(ending(third.kernel)).toEqual(after)
      expect(isDone(planOf(third.kernel, content))).toBe(true)
    }),
    { numRuns: isSoak ? 1000 : 40, seed },
  )
}, 3_600_000)

test('killed after each single write of the line, and written again, it is the same line', async () => {
  const ideal = machine()
  await writeGimLine(ideal.kernel, { device: eight, count: 2 })
  await writeGimLine(ideal.kernel, { device: eight, count: 3 })
  for (let after = 1; ; after++) {
    const { kernel } = machine()
    await writeGimLine(kernel, { device: eight, count: 2 })
    const { kernel: crashing, died } = crashingKernel(kernel, after)
    // nothing that the dead process does or says counts
    await writeGimLine(crashing, { device: eight, count: 3 }).catch(() => undefined)
    const text = kernel.files.read(line)
    expect(text).toMatch(/^# Written by .*\noptions gim vf_num=[23],1\n$/)
    if (!died()) {
      expect(after).toBeGreaterThan(2)
      break
    }
    await writeGimLine(kernel, { device: eight, count: 3 })
    expect(ending(kernel)).toEqual(ending(ideal.kernel))
  }
})
