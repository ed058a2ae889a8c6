import { describe, expect, onTestFinished, test } from 'vitest'
import { parsePciAddress } from '../../../../src/base/units.ts'
import { findPhysicalFunction } from '../../../../src/host/sriov.ts'
import { Host } from '../../../../src/host.ts'
import { applyPlan } from '../../../../src/lifecycle/plan/apply.ts'
import { makePlan } from '../../../../src/lifecycle/plan/make-plan.ts'
import { parseSpec } from '../../../../src/lifecycle/spec/parse-spec.ts'
import { sriovSettings } from '../../../../src/lifecycle/sriov/sriov-settings.ts'
import { isDone } from '../../../../src/lifecycle/wanted/plan.ts'
import { MockKernel } from '../../../../src/mock/kernel/mock-kernel.ts'
import { gpuHost } from '../../../../src/mock/shipped/gpu-host.ts'
import { createMockHost } from '../../../../src/mock-host.ts'
import { driverOf } from '../../mock/pci/pci-scenario.ts'

/** A network card, whose functions iavf takes if it is offered them. */
const card = parsePciAddress('81:00.0')
const [first, second, third] = ['0000:81:01.0', '0000:81:01.1', '0000:81:01.2'] as const
const autoprobe = `/sys/bus/pci/devices/${card}/sriov_drivers_autoprobe`

function gpu() {
  const host = new Host(new MockKernel(gpuHost, {}))
  onTestFinished(() => host[Symbol.asyncDispose]())
  return host
}

/** The same host at its next boot: its disk alone stays. */
function rebooted({ kernel }: Host) {
  const disk = Object.entries((kernel as MockKernel).machine.store.read().disk).filter(
    ([path]) => !/^\/run\/./.test(path),
  )
  const host = new Host(new MockKernel({ ...gpuHost, disk: Object.fromEntries(disk) }, {}))
  onTestFinished(() => host[Symbol.asyncDispose]())
  return host
}

function drivers({ kernel }: Host) {
  return findPhysicalFunction(kernel.files, card).functions.map((address) => driverOf(kernel, address))
}

describe('functions that are to be kept from the host’s drivers', () => {
  test('come without one, now and at the next boot', async () => {
    const host = gpu()
    const change = await host.setVirtualFunctions({ device: card, count: 2, autoprobe: false })
    expect(change.steps.slice(0, 2)).toEqual([
      { action: 'write', path: autoprobe, value: '0' },
      { action: 'write', path: `/sys/bus/pci/devices/${card}/sriov_numvfs`, value: '2' },
    ])
    expect(drivers(host)).toEqual([null, null])
    const next = rebooted(host)
    expect((await next.restore()).results).toMatchObject([{ outcome: 'started' }])
    expect(drivers(next)).toEqual([null, null])
    expect((await next.restore()).results).toMatchObject([{ outcome: 'already-there' }])
  })

  test('stay so with another number, until the host may have them again', async () => {
    const host = gpu()
    await host.setVirtualFunctions({ device: card, count: 2, autoprobe: false })
    await host.setVirtualFunctions({ device: card, count: 3 })
    expect(drivers(host)).toEqual([null, null, null])
    expect(sriovSettings.read(host.kernel.files, card)?.autoprobe).toBe(false)
    await host.setVirtualFunctions({ device: card, count: 2, autoprobe: true })
    expect(drivers(host)).toEqual(['iavf', 'iavf'])
    expect(sriovSettings.read(rebooted(host).kernel.files, card)?.autoprobe).toBe(true)
  })

  test('that are there are not made anew, and stay with the drivers that they have', async () => {
    const host = gpu()
    await host.setVirtualFunctions({ device: card, count: 2 })
    const change = await host.setVirtualFunctions({ device: card, count: 2, autoprobe: false })
    expect(change.steps.map(({ action }) => action)).toEqual(['write', 'save'])
    expect(drivers(host)).toEqual(['iavf', 'iavf'])
    expect((await host.setVirtualFunctions({ device: card, count: 2, autoprobe: false })).changed).toBe(false)
  })

  test('get at once the driver that is kept for them', async () => {
    const host = gpu()
    await host.setVirtualFunctions({ device: card, count: 2 })
    await host.bind({ device: first })
    const dry = await host.setVirtualFunctions({ device: card, count: 3, autoprobe: false }, { dryRun: true })
    expect(dry.steps.map((step) => ('path' in step ? step.path.split('/').at(-1) : ''))).not.toContain('unbind')
    await host.setVirtualFunctions({ device: card, count: 3, autoprobe: false })
    expect(drivers(host)).toEqual(['vfio-pci', null, null])
  })

  test('may be the host’s as before if they cannot be made', async () => {
    const { kernel, faults } = createMockHost('gpu-host')
    onTestFinished(() => kernel.dispose())
    faults.fail({ call: 'files.write', path: /sriov_numvfs$/ }, 'ENOMEM')
    const attempt = new Host(kernel).setVirtualFunctions({ device: card, count: 2, autoprobe: false })
    await expect(attempt).rejects.toMatchObject({ code: 'SYSTEM_CALL_FAILED', errno: 'ENOMEM' })
    expect(findPhysicalFunction(kernel.files, card)).toMatchObject({ autoprobe: true, count: 0 })
  })
})

describe('in a spec file', () => {
  const spec = `
version: 1
bindings: [{ device: { card: '81:00.0', virtfn: [0, 2] } }]
parents: [{ parent: '81:00.0', sriov: { count: 3, autoprobe: false } }]
`
  const planOf = ({ kernel }: Host, text = spec) => makePlan(kernel, parseSpec(text, 'spec.yaml'))

  test('functions are named by their card and number, and get their driver at once, at the next boot too', async () => {
    const host = gpu()
    const plan = planOf(host)
    expect(plan.bindings.map(({ device }) => device)).toEqual([first, third])
    expect((await applyPlan(host.kernel, plan)).failed).toEqual([])
    expect(drivers(host)).toEqual(['vfio-pci', null, 'vfio-pci'])
    expect(isDone(planOf(host))).toBe(true)
    const next = rebooted(host)
    await next.restore()
    expect(drivers(next)).toEqual(['vfio-pci', null, 'vfio-pci'])
    expect(isDone(planOf(next))).toBe(true)
  })

  test('a plan says that autoprobe alone differs', async () => {
    const host = gpu()
    await host.setVirtualFunctions({ device: card, count: 3 })
    expect(planOf(host).sriov).toMatchObject([{ reason: 'has autoprobe on', makesAnew: false }])
  })

  test('all functions of a card are meant if none is numbered', async () => {
    const host = gpu()
    await host.setVirtualFunctions({ device: card, count: 3 })
    const all = "version: 1\nbindings: [{ device: { card: '81:00.0' } }]\n"
    expect(planOf(host, all).bindings.map(({ device }) => device)).toEqual([first, second, third])
  })

  test.each(['all', '0'])(
    'of NVIDIA’s card, whose sriov-manage lets drivers have functions at its end, it holds after that: %s',
    async (count) => {
      const text = `version: 1\nparents: [{ parent: '41:00.0', sriov: { count: ${count}, autoprobe: false } }]\n`
      const host = gpu()
      const plan = planOf(host, text)
      const steps = plan.sriov.flatMap(({ steps: its }) =>
        its.map((step) => ('value' in step ? step.value : step.action)),
      )
      expect(steps).toEqual(count === 'all' ? ['run', 'run', '0', 'save'] : ['run', '0'])
      expect((await applyPlan(host.kernel, plan)).failed).toEqual([])
      expect(planOf(host, text).sriov).toMatchObject([{ action: 'keep', steps: [] }])
      const next = rebooted(host)
      await next.restore()
      expect(planOf(next, text).sriov).toMatchObject([count === 'all' ? { action: 'keep' } : { count: 0 }])
    },
  )

  test('a number that the card will not have is refused', () => {
    const text = spec.replace('[0, 2]', '3')
    expect(() => planOf(gpu(), text)).toThrow(
      expect.objectContaining({ code: 'NOT_FOUND', message: `${card} has no virtfn3: it has 3 virtual functions` }),
    )
  })

  test('one card cannot have it on and off', () => {
    const both = `version: 1
parents:
  - { parent: '81:00.0', sriov: { count: 3, autoprobe: false } }
  - { parent: '81:00.0', sriov: { count: 3, autoprobe: true } }
`
    expect(() => planOf(gpu(), both)).toThrow(expect.objectContaining({ code: 'INVALID_SPEC' }))
  })
})
