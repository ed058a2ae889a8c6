import { expect, onTestFinished, test } from 'vitest'
import { Host } from '../../../src/host.ts'
import { itemName, itemsOf } from '../../../src/lifecycle/wanted/plan.ts'
import { contractKernel } from '../kernel.ts'
import { addresses } from '../pci.ts'

test('a host as a spec file is as that file says: devices, drivers, and what just runs', async ({ skip }) => {
  const host = new Host(contractKernel().kernel)
  onTestFinished(() => host[Symbol.asyncDispose]())
  const { files } = host.kernel
  const device = addresses.edu
  if (files.kind(`/sys/bus/pci/devices/${device}`) === null) skip('the machine has no edu')
  if (host.types({ parent: 'mtty' }).types.length === 0) skip('this kernel has no mtty')
  await host.bind({ device, driver: 'vfio-pci' })
  onTestFinished(async () => {
    await host.release({ device })
  })
  const attributes: readonly never[] = []
  const { name } = await host.define({ parent: 'mtty', type: 'mtty-1', start: 'auto', attributes })
  onTestFinished(async () => {
    await host.undefine({ name })
  })
  await host.start({ name })
  onTestFinished(async () => {
    await host.stop({ name })
  })
  const { name: transient } = await host.start({ parent: 'mtty', type: 'mtty-2' })
  onTestFinished(async () => {
    await host.stop({ name: transient })
    await host.undefine({ name: transient })
  })

  const only = ['mtty', device]
  const { spec, text, notKept, warnings } = await host.export({ only })
  expect(spec).toEqual({
    version: 1,
    bindings: [{ device, driver: 'vfio-pci' }],
    parents: [{ parent: 'mtty', devices: [{ type: 'mtty-1', uuid: name }] }],
  })
  expect({ notKept, warnings }).toEqual({ notKept: [`${transient} on mtty`], warnings: [] })
  expect(itemsOf(await host.plan(text)).map(({ action }) => action)).toEqual(['keep', 'keep'])

  const adopted = await host.export({ only, adopt: true })
  const plan = await host.plan(adopted.text)
  const changes = itemsOf(plan).filter(({ action }) => action !== 'keep')
  expect(changes.map((item) => `${item.action} ${itemName(item)}`)).toEqual([`change ${transient}`])
  expect((await host.apply(plan)).failed).toEqual([])
  expect((await host.export({ only })).spec).toEqual(adopted.spec)
})
