import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Host } from '../../../../src/host.ts'
import { applyPlan } from '../../../../src/lifecycle/plan/apply.ts'
import { planSpec } from '../../../../src/lifecycle/plan/plan-spec.ts'
import { isDone, type Plan } from '../../../../src/lifecycle/wanted/plan.ts'
import { rebootMock } from '../../../../src/mock/kernel/machine-state.ts'
import { isSoak } from '../../../soak.ts'
import { stub } from '../../stub.ts'
import { crashingKernel } from '../crashing-kernel.ts'
import { blackwellHost, card, scenario, stateOf } from './blackwell-host.ts'

const quarters = { mig: [{ profile: '1g.24gb+gfx', count: 2 }] }
const mixed = { heterogeneous: true }
const whole = { mig: [] }

function specOf(modes: object, devices: readonly object[] = []): object {
  return { version: 1, parents: [{ parent: card, sriov: 'all', others: 'remove', ...modes, devices }] }
}

function programs(plan: Plan): string[] {
  return [...plan.gpuModes, ...plan.sriov].flatMap(({ steps }) =>
    steps.flatMap((step) => (step.action === 'run' ? [step.arguments.join(' ')] : [])),
  )
}

async function apply(host: Host, spec: object): Promise<void> {
  const { failed } = await host.apply(await host.plan(spec))
  expect(failed.map(({ error }) => String(error))).toEqual([])
}

describe('a file that asks for modes', () => {
  test('has them set in the order that works, and mixes sizes', async () => {
    const { host } = blackwellHost()
    const spec = specOf(mixed, [
      { type: 'DC-3Q', count: 1 },
      { type: 'DC-48Q', count: 1 },
    ])
    const plan = await host.plan(spec)
    expect(programs(plan)).toEqual([`vgpu -i ${card} -shm 1`, `-e ${card}`])
    await apply(host, spec)
    expect(await stateOf(host)).toMatchObject({ heterogeneous: true, functions: 4, kept: mixed, marks: [] })
    expect(host.list().devices.map(({ type, active }) => ({ type, active }))).toEqual([
      { type: '1519', active: true },
      { type: '1535', active: true },
    ])
    expect(isDone(await host.plan(spec))).toBe(true)
  })

  test('has the card cut after its functions are made, and its types come with the GPU instances', async () => {
    const { host } = blackwellHost()
    const spec = specOf(quarters, [{ type: 'DC-1-12Q', count: 3 }])
    expect(programs(await host.plan(spec))).toEqual([
      `-i ${card} -mig 1`,
      `mig -i ${card} -cgi 1g.24gb+gfx,1g.24gb+gfx -C`,
      `-e ${card}`,
    ])
    await apply(host, spec)
    expect(await stateOf(host)).toMatchObject({ mig: true, instances: ['1g.24gb+gfx', '1g.24gb+gfx'], kept: quarters })
    expect(isDone(await host.plan(spec))).toBe(true)
  })

  test('goes from GPU instances to mixed sizes: out with the functions, MIG off, and back', async () => {
    const { host } = blackwellHost()
    await apply(host, specOf(quarters))
    const spec = specOf({ ...mixed, ...whole })
    expect(programs(await host.plan(spec))).toEqual([
      `-d ${card}`,
      `-i ${card} -mig 0`,
      `vgpu -i ${card} -shm 1`,
      `-e ${card}`,
    ])
    await apply(host, spec)
    expect(await stateOf(host)).toMatchObject({ mig: false, heterogeneous: true, instances: [], functions: 4 })
  })

  test('has no such profile: nvidia-smi’s refusal, with what lists those that there are', async () => {
    const { host } = blackwellHost()
    const { failed } = await host.apply(await host.plan(specOf({ mig: [{ profile: '9g.24gb', count: 1 }] })))
    expect(failed).toMatchObject([{ error: { hint: expect.stringContaining(`nvidia-smi mig -i ${card} -lgip`) } }])
  })

  test('says once why functions and MIG mode of a card do not change', async () => {
    const { host } = blackwellHost()
    await apply(host, specOf({}, [{ type: 'DC-3Q', count: 1 }]))
    const refusal = await host
      .plan(specOf(quarters))
      .then((plan) => host.apply(plan))
      .catch(String)
    expect(String(refusal).match(/is in use/g)).toHaveLength(1)
  })

  test('changes nothing while a vGPU runs: DEVICE_BUSY with its address', async () => {
    const { host } = blackwellHost()
    await apply(host, specOf({}, [{ type: 'DC-3Q', count: 1 }]))
    const before = await stateOf(host)
    await expect(host.plan(specOf(mixed)).then((plan) => host.apply(plan))).rejects.toMatchObject({
      code: 'DEVICE_BUSY',
      hint: expect.stringMatching(/^end that use first \(vfioctl stop \S+\), or/),
      message: expect.stringContaining('is a vGPU'),
    })
    expect(await stateOf(host)).toEqual(before)
  })

  test('is taken back if the card has no room for its GPU instances', async () => {
    const { host } = blackwellHost()
    await apply(host, specOf(mixed))
    const before = await stateOf(host)
    const plan = await host.plan(specOf({ mig: [{ profile: '4g.96gb+gfx', count: 2 }] }))
    const { failed } = await host.apply(plan)
    expect(String(failed[0]?.error)).toMatch(/Insufficient Resources.*has the modes and functions that it had before/s)
    expect(await stateOf(host)).toMatchObject({ functions: before.functions, kept: mixed })
  })

  const nine = { mig: [{ profile: '1g.24gb+gfx', count: 9 }] }
  test.each([
    ['without functions', {}],
    ['with functions', { heterogeneous: false }],
    ['that mixes sizes', mixed],
    ['that is cut otherwise', quarters],
  ])('and fails after MIG mode leaves a card %s as it was, also what is kept of it', async (_, first) => {
    const { host } = blackwellHost()
    if (Object.keys(first).length > 0) await apply(host, specOf(first))
    const before = { ...(await stateOf(host)), boot: await host.boot.kept() }
    const { failed, done } = await host.apply(await host.plan(specOf(nine)), { keepGoing: true })
    const error = { message: expect.stringContaining('has the modes and functions that it had before') }
    expect(failed).toMatchObject([{ error }])
    // nothing of the card is said to be done
    expect(done).toEqual([])
    expect({ ...(await stateOf(host)), boot: await host.boot.kept() }).toEqual(before)
  })

  test('and fails as functions are made leaves MIG mode as it was', async () => {
    const { kernel, host } = blackwellHost()
    const before = await stateOf(host)
    const failing = new Host(
      stub(kernel, {
        async runProgram(path: string, run: Parameters<typeof kernel.runProgram>[1]) {
          if (run.arguments[0] !== '-e') return kernel.runProgram(path, run)
          return { status: 1, timedOut: false, stdout: '', stderr: 'Cannot obtain unbindLock' }
        },
      }),
    )
    const { failed } = await failing.apply(await failing.plan(specOf(quarters)))
    expect(failed).toHaveLength(1)
    expect(await stateOf(host)).toEqual(before)
  })

  test('and for more vGPUs than its GPU instances carry leaves MIG mode as it was', async () => {
    const { host } = blackwellHost()
    const before = await stateOf(host)
    const { failed } = await host.apply(await host.plan(specOf(quarters, [{ type: 'DC-1-24Q', count: 3 }])))
    expect(failed).toMatchObject([{ error: { code: 'NO_INSTANCE_LEFT' } }])
    expect(await stateOf(host)).toEqual(before)
  })

  test.each([
    ['needs the functions beside them', { parent: card, heterogeneous: true }, /need sriov/],
    ['cannot have both', { parent: card, sriov: 'all', heterogeneous: true, mig: [{ profile: '47' }] }, /exclude/],
    ['knows no such profile', { parent: card, sriov: 'all', mig: [{ profile: '1g' }] }, /profile of MIG/],
  ])('%s', async (_, parent, message) => {
    const { host } = blackwellHost()
    await expect(host.plan({ version: 1, parents: [parent] })).rejects.toMatchObject({ code: 'INVALID_SPEC', message })
  })
})

describe('killed after each single write or program, and applied again, the card comes to the same end:', () => {
  test.each([
    [
      'mixed sizes',
      {},
      specOf(mixed, [
        { type: 'DC-3Q', count: 1 },
        { type: 'DC-48Q', count: 1 },
      ]),
    ],
    ['GPU instances, after mixed sizes', mixed, specOf(quarters, [{ type: 'DC-1-24Q', count: 2 }])],
    [
      'the whole card, after GPU instances',
      quarters,
      specOf({ ...whole, heterogeneous: false }, [{ type: 'DC-6Q', count: 1 }]),
    ],
  ])(
    '%s',
    async (_, first, spec) => {
      const drifted = async () => {
        const made = blackwellHost()
        await apply(made.host, specOf(first))
        return made
      }
      const ideal = await drifted()
      await apply(ideal.host, spec)
      const end = await stateOf(ideal.host)
      for (let after = 1; ; after++) {
        const { host, kernel } = await drifted()
        const { kernel: crashing, died, death } = crashingKernel(kernel, after)
        const attempt = planSpec(crashing, spec).then((plan) => applyPlan(crashing, plan, { signal: death }))
        // nothing that the dead process does or says counts
        await attempt.catch(() => undefined)
        if (!died()) {
          expect(after).toBeGreaterThan(8)
          break
        }
        await apply(host, spec)
        expect({ after, ...(await stateOf(host)) }).toEqual({ after, ...end })
      }
    },
    600_000,
  )
})

const wanted = fc.oneof(
  fc.tuple(
    fc.constantFrom({}, whole, { heterogeneous: false }),
    fc.array(fc.constantFrom({ type: 'DC-6Q', count: 2 }, { type: 'DC-6Q', count: 1 }), { maxLength: 1 }),
  ),
  fc.tuple(
    fc.constantFrom(mixed, { ...mixed, ...whole }),
    fc.constantFrom(
      [],
      [
        { type: 'DC-3Q', count: 2 },
        { type: 'DC-48Q', count: 1 },
      ],
    ),
  ),
  fc.tuple(
    fc.constantFrom(quarters, {
      mig: [
        { profile: '35', count: 1 },
        { profile: '47', count: 1 },
      ],
    }),
    fc.constantFrom([], [{ type: 'DC-1-24Q', count: 1 }], [{ type: 'DC-1-6Q', count: 1 }]),
  ),
)

test('whatever is asked for one after the other is there, or refused untouched, and there again after a reboot', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(wanted, { minLength: 2, maxLength: 2 }), async (files) => {
      const stateDirectory = mkdtempSync(join(tmpdir(), 'vfioctl-modes-'))
      const { host } = blackwellHost({ stateDirectory })
      for (const [modes, devices] of files) {
        const before = await stateOf(host)
        const spec = specOf(modes, devices)
        const outcome = await host
          .plan(spec)
          .then((plan) => host.apply(plan))
          .catch((error: unknown) => error)
        if (outcome instanceof Error) {
          expect(await stateOf(host)).toEqual(before)
          // a type or a mode that the card cannot have as it is, or vGPUs in the way
          expect(['DEVICE_BUSY', 'NOT_FOUND', 'NOT_SUPPORTED', 'NO_INSTANCE_LEFT']).toContain(
            (outcome as { code?: string }).code,
          )
          continue
        }
        expect(isDone(await host.plan(spec))).toBe(true)
      }
      const before = await stateOf(host)
      await host[Symbol.asyncDispose]()
      rebootMock(stateDirectory, scenario)
      const { host: booted } = blackwellHost({ stateDirectory })
      const { results } = await booted.restore({ timeoutMs: 0 })
      expect(results.filter(({ error }) => error !== null).map(({ error }) => String(error))).toEqual([])
      expect(await stateOf(booted)).toEqual(before)
    }),
    { numRuns: isSoak ? 500 : 6, seed: 3 },
  )
}, 3_600_000)
