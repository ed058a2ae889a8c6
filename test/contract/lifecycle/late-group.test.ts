import { expect, onTestFinished, test } from 'vitest'
import { parsePciAddress } from '../../../src/base/units.ts'
import { iommuGroup } from '../../../src/host/group-members.ts'
import { readIommuGroups } from '../../../src/host/iommu-groups.ts'
import { Host } from '../../../src/host.ts'
import { bind } from '../../../src/lifecycle/bindings/bind.ts'
import { release } from '../../../src/lifecycle/bindings/release.ts'
import { applyPlan } from '../../../src/lifecycle/plan/apply.ts'
import { makePlan } from '../../../src/lifecycle/plan/make-plan.ts'
import { parseSpec } from '../../../src/lifecycle/spec/parse-spec.ts'
import { isDone } from '../../../src/lifecycle/wanted/plan.ts'
import { contractKernel } from '../kernel.ts'
import { groupsAtOnce } from '../machine.ts'
import { addresses, driverOf } from '../pci.ts'

test('a device that no driver has had may be in no IOMMU group: each step says so, and with a driver it is in one', async (context) => {
  const contract = contractKernel()
  const { kernel } = contract
  const { files } = kernel
  onTestFinished(() => kernel.dispose())
  const device = parsePciAddress(addresses['bochs-display'])
  const path = `/sys/bus/pci/devices/${device}`
  if (files.kind('/sys/kernel/iommu_groups') === null) context.skip('there is no IOMMU')
  // found anew, it is as at power-on
  await files.write(`${path}/remove`, '1')
  await files.write('/sys/bus/pci/rescan', '1')
  const isLate = iommuGroup(files, path) === null
  if (contract.name === 'linux') expect(isLate).toBe(!groupsAtOnce)
  if (!isLate) context.skip('this machine knows the groups of its devices at once')
  onTestFinished(async () => {
    await release(kernel, { device, group: true })
  })

  expect(readIommuGroups(files, { device })).toMatchObject({
    groups: [],
    withoutGroup: [{ name: device, driver: null }],
  })
  const host = new Host(kernel)
  await expect(host.inspect(device)).rejects.toMatchObject({
    code: 'NOT_SUPPORTED',
    message: expect.stringContaining('no driver has it'),
    hint: expect.stringContaining('bind'),
  })
  const said: string[] = []
  await bind(kernel, { device, group: true }, { dryRun: true, onMessage: (line) => said.push(line) })
  expect(said).toEqual([expect.stringContaining('in no IOMMU group yet')])

  const spec = parseSpec(JSON.stringify({ version: 1, bindings: [{ device, group: true }] }), 'spec.json')
  const plan = makePlan(kernel, spec)
  expect(plan.bindings).toMatchObject([{ action: 'bind', groupFollows: true }])
  expect(await applyPlan(kernel, plan)).toMatchObject({ done: [{ device }], failed: [] })
  expect(driverOf(files, device)).toBe('vfio-pci')
  expect(isDone(makePlan(kernel, spec))).toBe(true)
  const group = iommuGroup(files, path)
  expect(readIommuGroups(files, { device })).toMatchObject({
    groups: [{ number: group, viable: true }],
    withoutGroup: [],
  })
  expect((await host.inspect(device)).device.group).toBe(group)

  await release(kernel, { device, group: true })
  expect([driverOf(files, device), iommuGroup(files, path)]).toEqual([null, group])
})
