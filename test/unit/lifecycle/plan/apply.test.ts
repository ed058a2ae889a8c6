import { describe, expect, onTestFinished, test } from 'vitest'
import type { Kernel } from '../../../../src/kernel/kernel.ts'
import { list } from '../../../../src/lifecycle/kinds/list.ts'
import { define } from '../../../../src/lifecycle/kinds/mdev/define.ts'
import { start } from '../../../../src/lifecycle/kinds/mdev/start.ts'
import { stop } from '../../../../src/lifecycle/kinds/mdev/stop.ts'
import { applyPlan } from '../../../../src/lifecycle/plan/apply.ts'
import { makePlan } from '../../../../src/lifecycle/plan/make-plan.ts'
import { parseSpec } from '../../../../src/lifecycle/spec/parse-spec.ts'
import { isDone, itemName } from '../../../../src/lifecycle/wanted/plan.ts'
import { createMockKernel } from '../../../../src/mock/kernel/mock-kernel.ts'
import { crashingKernel, Killed } from '../crashing-kernel.ts'

const gpu = '0000:3b:00.0'
const uuid = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1001'
const other = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1002'

function mock(): Kernel {
  const kernel = createMockKernel('demo')
  onTestFinished(() => kernel.dispose())
  return kernel
}

function spec(...parents: object[]) {
  return parseSpec(JSON.stringify({ version: 1, parents }), 'spec.json')
}

function planned(kernel: Kernel, ...parents: object[]) {
  const { entries } = makePlan(kernel, spec(...parents))
  return entries.map((item) => ({ action: item.action, uuid: itemName(item), reason: item.reason }))
}

async function apply(kernel: Kernel, ...parents: object[]) {
  const applied = await applyPlan(kernel, makePlan(kernel, spec(...parents)))
  expect(applied.failed).toEqual([])
  return applied
}

/** Virtual devices of a host, without the numbers that depend on the order of creation. */
function present({ files }: Kernel) {
  return list(files).devices.map(({ uuid, parent, type, active, definition }) => ({
    uuid,
    parent,
    type,
    active,
    definition,
  }))
}

const two = { parent: gpu, devices: [{ type: 'GRID T4-4Q', count: 2 }] }

describe('a plan', () => {
  test('creates what is missing, by a UUID that is the same each time', () => {
    const kernel = mock()
    const [first, second] = planned(kernel, two)
    expect([first, second]).toMatchObject([{ action: 'create' }, { action: 'create' }])
    expect(planned(kernel, two)).toEqual([first, second])
    expect(first?.uuid).not.toBe(second?.uuid)
    expect(first?.uuid).toMatch(/^.{8}-.{4}-5/)
  })

  test('keeps what is there and fits, whatever its UUID', async () => {
    const kernel = mock()
    await start(kernel, { uuid, parent: gpu, type: 'nvidia-232' })
    expect(planned(kernel, two)).toMatchObject([
      { action: 'change', uuid, reason: 'runs and is not defined' },
      { action: 'create' },
    ])
  })

  test('removes what is too much of a type that it names, and leaves other types alone', async () => {
    const kernel = mock()
    for (const _ of [1, 2, 3]) await start(kernel, { parent: gpu, type: 'nvidia-232' })
    await start(kernel, { uuid: other, parent: 'mtty', type: 'mtty-1' })
    const entries = planned(kernel, two, { parent: 'mtty', devices: [] })
    expect(entries.map(({ action }) => action)).toEqual(['remove', 'change', 'change'])
    expect(entries[0]?.reason).toBe('the file asks for 2 of its type')
    expect(planned(kernel, { parent: 'mtty', others: 'remove' })).toMatchObject([{ action: 'remove', uuid: other }])
  })

  test('changes the type of a UUID by making it anew', async () => {
    const kernel = mock()
    await start(kernel, { uuid, parent: 'mtty', type: 'mtty-1' })
    const wanted = { parent: 'mtty', devices: [{ type: 'mtty-2', uuid }] }
    const [entry] = makePlan(kernel, spec(wanted)).entries
    expect(entry).toMatchObject({
      action: 'change',
      reason: 'runs with type mtty-1',
      verbs: ['stop', 'define', 'start'],
    })
    await apply(kernel, wanted)
    expect(present(kernel)).toMatchObject([{ uuid, type: 'mtty-2', active: true }])
  })

  test.each(['keep', 'remove'])(
    'a device that comes to another parent by its UUID is none of a count where it runs (others: %s)',
    async (others) => {
      const kernel = mock()
      await define(kernel, { uuid, parent: gpu, type: 'nvidia-232' })
      await start(kernel, { uuid })
      const wanted = [
        { ...two, others },
        { parent: 'mtty', devices: [{ type: 'mtty-2', uuid }] },
      ]
      await apply(kernel, ...wanted)
      const running = present(kernel).filter(({ active }) => active)
      expect(running.map(({ parent, type }) => `${type} on ${parent}`).sort()).toEqual([
        'mtty-2 on mtty',
        `nvidia-232 on ${gpu}`,
        `nvidia-232 on ${gpu}`,
      ])
      expect(running).toContainEqual(expect.objectContaining({ uuid, parent: 'mtty' }))
      expect(makePlan(kernel, spec(...wanted)).entries.map(({ action }) => action)).toEqual(['keep', 'keep', 'keep'])
    },
  )

  test('spreads a count over all parents that offer the type', () => {
    const kernel = mock()
    const entries = makePlan(
      kernel,
      spec({ parent: { anyWith: 'mtty-2' }, devices: [{ type: 'mtty-2', count: 3 }] }),
    ).entries
    expect(entries.map(({ parent }) => parent)).toEqual(['mtty', 'mtty', 'mtty'])
  })

  test('chooses parents by address, range, ids and names', () => {
    const kernel = mock()
    const devices = [{ type: 'GRID T4-4Q', count: 1 }]
    for (const parent of [
      '3b:00.0',
      '3b:00.0-3b:00.7',
      { vendor: '10de' },
      [gpu],
      { vendor: '10de', device: '1eb8' },
    ]) {
      expect(makePlan(kernel, spec({ parent, devices })).entries).toMatchObject([{ parent: gpu, type: 'nvidia-232' }])
    }
    expect(() => planned(kernel, { parent: { vendor: 'ffff' }, devices })).toThrow(
      /no parent of this host is of vendor/,
    )
  })

  test('says each write, in order', () => {
    const [entry] = makePlan(mock(), spec({ parent: 'mtty', devices: [{ type: 'mtty-2', uuid }] })).entries
    expect(entry?.steps).toEqual([
      { action: 'save', path: `/etc/mdevctl.d/mtty/${uuid}`, content: expect.stringContaining('"start": "auto"') },
      { action: 'write', path: '/sys/class/mdev_bus/mtty/mdev_supported_types/mtty-2/create', value: uuid },
    ])
  })

  test('is done when it was applied: the second time nothing changes', async () => {
    const kernel = mock()
    await apply(kernel, two)
    const before = present(kernel)
    expect(isDone(makePlan(kernel, spec(two)))).toBe(true)
    expect((await apply(kernel, two)).done).toEqual([])
    expect(present(kernel)).toEqual(before)
  })

  test('repairs what drifted', async () => {
    const kernel = mock()
    await apply(kernel, two)
    const before = present(kernel)
    const [first, second] = before
    await stop(kernel, { uuid: first?.uuid ?? '' })
    await kernel.files.unlink(`/etc/mdevctl.d/${gpu}/${second?.uuid}`)
    expect(
      planned(kernel, two)
        .map(({ reason }) => reason)
        .sort(),
    ).toEqual(['is defined and does not run', 'runs and is not defined'])
    await apply(kernel, two)
    expect(present(kernel)).toEqual(before)
  })
})

describe('what is in use', () => {
  async function held() {
    const kernel = mock()
    await start(kernel, { uuid, parent: 'mtty', type: 'mtty-1' })
    const [device] = list(kernel.files).devices
    const group = kernel.open(device?.node ?? '', 'rw')
    return { kernel, group }
  }

  test('is never removed: DEVICE_BUSY with its holder, and nothing else is done either', async () => {
    const { kernel } = await held()
    const plan = makePlan(kernel, spec({ parent: 'mtty', others: 'remove' }, two))
    await expect(applyPlan(kernel, plan)).rejects.toMatchObject({
      code: 'DEVICE_BUSY',
      hint: expect.stringContaining('shut down the virtual machine, or end the process, that has it open'),
      facts: { busy: [uuid] },
    })
    expect(present(kernel)).toMatchObject([{ uuid, active: true }])
  })

  test('stays where the rest is asked for with keepGoing', async () => {
    const { kernel } = await held()
    const plan = makePlan(kernel, spec({ parent: 'mtty', others: 'remove' }, two))
    const { done, failed } = await applyPlan(kernel, plan, { keepGoing: true })
    expect({ done: done.length, failed: failed.map(({ entry }) => itemName(entry)) }).toEqual({
      done: 2,
      failed: [uuid],
    })
  })
})

describe('a failure', () => {
  const fails = { parent: 'mtty', devices: [{ type: 'mtty-2', uuid, attributes: [{ no_such: '1' }] }] }

  test('ends it, is taken back, and what is left is said', async () => {
    const kernel = mock()
    const plan = makePlan(kernel, spec(fails, two))
    const { done, failed, remaining } = await applyPlan(kernel, plan)
    expect(failed).toMatchObject([{ entry: { uuid }, error: { code: 'ATTRIBUTE_FAILED' } }])
    expect({ done: done.length, remaining: remaining.length }).toEqual({ done: 0, remaining: 2 })
    expect(present(kernel)).toEqual([])
  })

  test('of a device that ran before leaves it running as it was', async () => {
    const kernel = mock()
    await define(kernel, { uuid, parent: 'mtty', type: 'mtty-1' })
    await start(kernel, { uuid })
    const before = present(kernel)
    const { failed } = await applyPlan(kernel, makePlan(kernel, spec(fails)))
    expect(failed).toHaveLength(1)
    expect(present(kernel)).toEqual(before)
  })
})

test('a transient device that could not be made anew runs again as it was, and that is said', async () => {
  const kernel = mock()
  await start(kernel, { uuid, parent: 'mtty', type: 'mtty-1' })
  const before = present(kernel)
  const said: string[] = []
  const wanted = { parent: 'mtty', devices: [{ type: 'mtty-2', uuid, attributes: [{ no_such: '1' }] }] }
  const { failed } = await applyPlan(kernel, makePlan(kernel, spec(wanted)), { onMessage: (line) => said.push(line) })
  expect(failed).toMatchObject([{ error: { code: 'ATTRIBUTE_FAILED' } }])
  expect(present(kernel)).toEqual(before)
  expect(said).toEqual([expect.stringContaining(`${uuid} runs again as mtty-1`)])
})

describe('killed after any of its writes, and applied again', () => {
  /** A host on which there is something to create, to change, to make anew and to remove. */
  async function drifted(): Promise<Kernel> {
    const kernel = mock()
    await define(kernel, { uuid, parent: 'mtty', type: 'mtty-1' })
    await start(kernel, { uuid })
    await start(kernel, { uuid: other, parent: 'mtty', type: 'mtty-2' })
    for (const _ of [1, 2, 3]) await start(kernel, { parent: gpu, type: 'nvidia-232' })
    return kernel
  }
  const params = [{ 'nvidia/vgpu_params': 'frame_rate_limiter=0' }]
  const parents = [
    {
      parent: 'mtty',
      devices: [
        { type: 'mtty-2', uuid },
        { type: 'mtty-1', count: 2 },
      ],
      others: 'remove',
    },
    { parent: gpu, devices: [{ type: 'GRID T4-4Q', count: 3, attributes: params }] },
  ]

  /** Also what the drivers were told: a device whose attributes were never written looks like any other. */
  function ending(kernel: Kernel) {
    return present(kernel).map(({ uuid, ...rest }) => {
      const file = `/sys/bus/mdev/devices/${uuid}/nvidia/vgpu_params`
      return { ...rest, params: rest.parent === gpu ? kernel.files.read(file) : null }
    })
  }

  test('it always comes to the same end', async () => {
    const whole = await drifted()
    await apply(whole, ...parents)
    const end = ending(whole)
    let deaths = 0
    for (let after = 1; ; after++) {
      const kernel = await drifted()
      const { kernel: crashing, died } = crashingKernel(kernel, after)
      const attempt = Promise.resolve().then(() => applyPlan(crashing, makePlan(crashing, spec(...parents))))
      const outcome = await attempt.catch((error: unknown) => error)
      if (!died()) break
      deaths++
      if (outcome instanceof Error) expect(outcome).toBeInstanceOf(Killed)
      await apply(kernel, ...parents)
      expect(ending(kernel)).toEqual(end)
      expect(isDone(makePlan(kernel, spec(...parents)))).toBe(true)
    }
    expect(deaths).toBeGreaterThan(30)
  }, 180_000)
})
