import { expect, onTestFinished, type TestContext, test, vi } from 'vitest'
import { Host } from '../../../src/host.ts'
import type { HostFiles, Kernel } from '../../../src/kernel/kernel.ts'
import { applyPlan } from '../../../src/lifecycle/plan/apply.ts'
import { makePlan } from '../../../src/lifecycle/plan/make-plan.ts'
import { parseSpec } from '../../../src/lifecycle/spec/parse-spec.ts'
import { isDone } from '../../../src/lifecycle/wanted/plan.ts'
import { isSoak } from '../../soak.ts'
import { crashingKernel, Killed } from '../../unit/lifecycle/crashing-kernel.ts'
import { driverOf } from '../pci.ts'

/** A card with its own driver, which makes virtual functions, and none of them yet. */
export interface SriovCard {
  readonly kernel: Kernel
  readonly address: string
}

const settings = ['sriov', 'bindings'].map((folder) => `/etc/vfioctl.d/${folder}`)

/** The spec of three functions, none for the host's driver, and two of them for VFIO. */
function specOf(card: string): string {
  return `
version: 1
parents: [{ parent: '${card}', sriov: { count: 3, autoprobe: false } }]
bindings: [{ device: { card: '${card}', virtfn: [0, 2] }, driver: vfio-pci }]
`
}

function planOf(kernel: Pick<Kernel, 'files'>, card: string) {
  return makePlan(kernel, parseSpec(specOf(card), 'spec.yaml'))
}

const pathOf = (address: string) => `/sys/bus/pci/devices/${address}`

function functionsOf(files: HostFiles, card: string): string[] {
  const links = files.list(pathOf(card)).filter((name) => name.startsWith('virtfn'))
  return links.sort().map(
    (link) =>
      files
        .readlink(`${pathOf(card)}/${link}`)
        .split('/')
        .at(-1) ?? '',
  )
}

/** All that the spec asks for, and what is kept of it. */
function stateOf({ files }: Kernel, card: string) {
  const functions = functionsOf(files, card)
  return {
    count: files.read(`${pathOf(card)}/sriov_numvfs`).trim(),
    autoprobe: files.read(`${pathOf(card)}/sriov_drivers_autoprobe`).trim(),
    drivers: functions.map((it) => driverOf(files, it)),
    overrides: functions.map((it) => files.read(`${pathOf(it)}/driver_override`).trim()),
    kept: settings.flatMap((folder) =>
      files.kind(folder) === null ? [] : files.list(folder).map((name) => [name, files.read(`${folder}/${name}`)]),
    ),
  }
}

const wanted = {
  count: '3',
  autoprobe: '0',
  drivers: ['vfio-pci', null, 'vfio-pci'],
  overrides: ['vfio-pci', '(null)', 'vfio-pci'],
}

/** As the kernel leaves the card when it starts. */
async function loseFunctions({ files }: Kernel, card: string): Promise<void> {
  await files.write(`${pathOf(card)}/sriov_numvfs`, '0')
  await files.write(`${pathOf(card)}/sriov_drivers_autoprobe`, '1')
}

/** As before the first spec. */
async function forget(kernel: Kernel, card: string): Promise<void> {
  await loseFunctions(kernel, card)
  for (const folder of settings) {
    if (kernel.files.kind(folder) === null) continue
    for (const name of kernel.files.list(folder)) await kernel.files.unlink(`${folder}/${name}`)
  }
}

/** The facts of functions that are kept from the host's driver, of any card. */
export function keptFunctions(card: (context: TestContext) => SriovCard): void {
  test('no driver but the wanted one ever has a function that a spec makes with autoprobe off', async (context) => {
    const { kernel, address } = card(context)
    const bound: string[] = []
    const watch = await kernel.watchUevents(({ action, devpath, properties }) => {
      if (action === 'bind') bound.push(`${devpath.split('/').at(-1)} ${properties['DRIVER']}`)
    })
    if (watch === null) return context.skip('ffi-rs or libudev is not installed')
    onTestFinished(() => watch.close())
    onTestFinished(() => forget(kernel, address))
    expect((await applyPlan(kernel, planOf(kernel, address))).failed).toEqual([])
    expect(stateOf(kernel, address)).toMatchObject(wanted)
    expect(isDone(planOf(kernel, address))).toBe(true)
    const [first, , third] = functionsOf(kernel.files, address)
    await vi.waitFor(() => expect(bound).toHaveLength(2), 10_000)
    expect(bound.sort()).toEqual([`${first} vfio-pci`, `${third} vfio-pci`])
  })

  test('after a boot they come back, and again no other driver has them', async (context) => {
    const { kernel, address } = card(context)
    onTestFinished(() => forget(kernel, address))
    await applyPlan(kernel, planOf(kernel, address))
    const before = stateOf(kernel, address)
    await loseFunctions(kernel, address)
    expect(isDone(planOf(kernel, address))).toBe(false)
    const { results, warnings } = await new Host(kernel).restore()
    expect({ failed: results.filter(({ error }) => error !== null), warnings }).toEqual({ failed: [], warnings: [] })
    expect(stateOf(kernel, address)).toEqual(before)
    expect(isDone(planOf(kernel, address))).toBe(true)
  })

  test('shares of a GPU are refused for a card that has none, with the reason, and nothing is done', async (context) => {
    const { kernel, address } = card(context)
    onTestFinished(() => forget(kernel, address))
    const before = stateOf(kernel, address)
    const spec = `
version: 1
parents: [{ parent: '${address}', sriov: 2, devices: [{ count: 2, vram: 1GiB }] }]
`
    const reason = new RegExp(`${address} gives no shares of a GPU: it has the driver \\w+, not xe$`)
    expect(() => makePlan(kernel, parseSpec(spec, 'spec.yaml'))).toThrow(
      expect.objectContaining({ code: 'INVALID_SPEC', message: expect.stringMatching(reason) }),
    )
    expect(stateOf(kernel, address)).toEqual(before)
  })

  // each of its changes is some seconds of an emulated machine
  test('killed after any of its changes, and applied again, they come to the same end', async (context) => {
    const { kernel, address } = card(context)
    if (kernel.name === 'linux' && !isSoak) context.skip('the long run alone kills it after each change')
    onTestFinished(() => forget(kernel, address))
    await applyPlan(kernel, planOf(kernel, address))
    const end = stateOf(kernel, address)
    let kills = 0
    for (let after = 1; ; after++) {
      await forget(kernel, address)
      const { kernel: crashing, died, death } = crashingKernel(kernel, after)
      const attempt = Promise.resolve().then(() => applyPlan(crashing, planOf(crashing, address), { signal: death }))
      const outcome = await attempt.catch((error: unknown) => error)
      if (!died()) break
      kills++
      if (outcome instanceof Error) expect(outcome).toBeInstanceOf(Killed)
      expect({ after, failed: (await applyPlan(kernel, planOf(kernel, address))).failed }).toEqual({
        after,
        failed: [],
      })
      expect({ after, ...stateOf(kernel, address) }).toEqual({ after, ...end })
    }
    expect(kills).toBeGreaterThan(10)
  }, 3_600_000)
}
