// A device whose IOMMU group the kernel makes when a first driver is offered it, as on arm64: who shares it is not known
// before.
import { expect, onTestFinished, test } from 'vitest'
import { boundDriver, iommuGroup } from '../../../../src/host/group-members.ts'
import type { Kernel } from '../../../../src/kernel/kernel.ts'
import { bind } from '../../../../src/lifecycle/bindings/bind.ts'
import { applyPlan } from '../../../../src/lifecycle/plan/apply.ts'
import { makePlan } from '../../../../src/lifecycle/plan/make-plan.ts'
import { keptBindings } from '../../../../src/lifecycle/settings/bindings.ts'
import { parseSpec } from '../../../../src/lifecycle/spec/parse-spec.ts'
import { isDone, losses } from '../../../../src/lifecycle/wanted/plan.ts'
import { createMockHost } from '../../../../src/mock-host.ts'
import { vmScenario } from '../../../contract/vm-scenario.ts'

const [bridge, sata, late] = ['0000:00:1f.0', '0000:00:1f.2', '0000:00:1f.3']
const device = late

/** Three functions that share a group, which the last is in once it is offered to a driver. */
function machine(sataDriver: string | null) {
  const pci = vmScenario.pci.map((it) => {
    if (it.address === late) return { ...it, groupedWhenProbed: true }
    return it.address === sata ? { ...it, driver: sataDriver } : it
  })
  const host = createMockHost({ ...vmScenario, pci })
  onTestFinished(() => host.kernel.dispose())
  return host
}

function drivers({ files }: Kernel): (string | null)[] {
  return [bridge, sata, late].map((address) => boundDriver(files, `/sys/bus/pci/devices/${address}/driver`))
}

function planOf(kernel: Kernel) {
  return makePlan(kernel, parseSpec(JSON.stringify({ version: 1, bindings: [{ device, group: true }] }), 'spec.json'))
}

test('bound with its group, the rest of it follows once it is known, and is kept too', async () => {
  const { kernel } = machine('ahci')
  expect(await bind(kernel, { device, group: true })).toMatchObject([
    { device: late, from: null, to: 'vfio-pci' },
    { device: bridge, from: null, to: 'vfio-pci' },
    { device: sata, from: 'ahci', to: 'vfio-pci' },
  ])
  expect(drivers(kernel)).toEqual(['vfio-pci', 'vfio-pci', 'vfio-pci'])
  expect(keptBindings.list(kernel.files).settings.map(({ name }) => name)).toEqual([bridge, sata, late])
})

test('alone, it goes alone', async () => {
  const { kernel } = machine('ahci')
  await bind(kernel, { device })
  expect(drivers(kernel)).toEqual([null, 'ahci', 'vfio-pci'])
})

test('a dry run says that the rest is not known yet, once', async () => {
  const { kernel } = machine('ahci')
  const said: string[] = []
  const onMessage = (line: string) => said.push(line)
  expect(await bind(kernel, { device, group: true }, { dryRun: true, onMessage })).toHaveLength(1)
  expect(said).toEqual([expect.stringContaining(`${late} is in no IOMMU group yet`)])
  await bind(kernel, { device }, { dryRun: true, onMessage })
  expect(said).toHaveLength(1)
})

test('where one of the rest fails, all is as it was, but the group stays', async () => {
  const { kernel, faults } = machine('ahci')
  faults.fail({ call: 'files.write', path: `/sys/bus/pci/devices/${sata}/driver_override` }, 'EIO')
  await expect(bind(kernel, { device, group: true })).rejects.toMatchObject({ errno: 'EIO' })
  expect(drivers(kernel)).toEqual([null, 'ahci', null])
  expect(keptBindings.list(kernel.files).settings).toEqual([])
  expect(iommuGroup(kernel.files, `/sys/bus/pci/devices/${late}`)).toBe(14)
})

test('a plan says so; applied, it takes what has no driver with it, and the next plan has nothing to do', async () => {
  const { kernel } = machine(null)
  const plan = planOf(kernel)
  expect(plan.bindings).toMatchObject([
    { device: late, groupFollows: true, reason: 'has no driver, and so no IOMMU group yet: what shares it follows' },
  ])
  expect(await applyPlan(kernel, plan)).toMatchObject({ done: [{ device: late }], failed: [] })
  expect(drivers(kernel)).toEqual(['vfio-pci', 'vfio-pci', 'vfio-pci'])
  expect(isDone(planOf(kernel))).toBe(true)
})

test('applied, it takes no device from a driver unasked: all is as it was, and the next plan names that device', async () => {
  const { kernel } = machine('ahci')
  const { failed } = await applyPlan(kernel, planOf(kernel))
  expect(failed).toMatchObject([{ error: { code: 'NOT_CONFIRMED', facts: { lost: [`${sata} from ahci`] } } }])
  expect(drivers(kernel)).toEqual([null, 'ahci', null])
  const plan = planOf(kernel)
  expect(losses(plan)).toEqual([`take ${sata} from ahci: it is to have vfio-pci`])
  expect(await applyPlan(kernel, plan)).toMatchObject({ failed: [] })
  expect(isDone(planOf(kernel))).toBe(true)
})
