import { describe, expect, onTestFinished, type TestContext, test } from 'vitest'
import { type PciAddress, parsePciAddress } from '../../../src/base/units.ts'
import { iommuGroup } from '../../../src/host/group-members.ts'
import type { Kernel } from '../../../src/kernel/kernel.ts'
import { bind } from '../../../src/lifecycle/bindings/bind.ts'
import { release } from '../../../src/lifecycle/bindings/release.ts'
import { keptBindings } from '../../../src/lifecycle/settings/bindings.ts'
import { contractKernel } from '../kernel.ts'
import { sharesRequesterIds } from '../machine.ts'
import { addresses, driverOf, type PciName } from '../pci.ts'

const path = (address: string) => `/sys/bus/pci/devices/${address}`

/** A device that no driver has, as is the case of all of the machine's, and so again after the test. */
function machine({ skip }: TestContext, name: PciName): { kernel: Kernel; device: PciAddress } {
  const { kernel } = contractKernel()
  onTestFinished(() => kernel.dispose())
  const device = parsePciAddress(addresses[name])
  if (kernel.files.kind(path(device)) === null) return skip(`the machine has no ${name}`)
  onTestFinished(async () => {
    await release(kernel, { device, group: true })
  })
  return { kernel, device }
}

function overrideOf({ files }: Kernel, device: string): string {
  return files.read(`${path(device)}/driver_override`).trim()
}

describe('a device that no driver has', () => {
  test('is bound to vfio-pci and released: each is seen, again is no change, and what is kept goes', async (context) => {
    const { kernel, device } = machine(context, 'edu')
    const { files } = kernel
    expect(await bind(kernel, { device })).toMatchObject([{ device, from: null, to: 'vfio-pci', changed: true }])
    expect([driverOf(files, device), overrideOf(kernel, device)]).toEqual(['vfio-pci', 'vfio-pci'])
    expect(keptBindings.read(files, device)).toEqual({ driver: 'best', vendor: '0x1234', device: '0x11e8' })
    expect(await bind(kernel, { device })).toMatchObject([{ changed: false, steps: [] }])

    expect(await release(kernel, { device })).toMatchObject([{ from: 'vfio-pci', to: null, changed: true }])
    expect([driverOf(files, device), overrideOf(kernel, device)]).toEqual([null, '(null)'])
    expect(keptBindings.read(files, device)).toBeNull()
    expect(await release(kernel, { device })).toMatchObject([{ changed: false, steps: [] }])
  })

  test('goes from one driver to another, and only once', async (context) => {
    const { kernel, device } = machine(context, 'edu')
    await bind(kernel, { device })
    if (kernel.files.kind('/sys/bus/pci/drivers/pci-stub') === null) context.skip('pci-stub is not loaded')
    expect(await bind(kernel, { device, driver: 'pci-stub' })).toMatchObject([{ from: 'vfio-pci', to: 'pci-stub' }])
    expect(driverOf(kernel.files, device)).toBe('pci-stub')
  })

  test('is kept from every driver by the driver none, until it is released', async (context) => {
    const { kernel, device } = machine(context, 'edu')
    await bind(kernel, { device })
    expect(await bind(kernel, { device, driver: 'none' })).toMatchObject([
      { from: 'vfio-pci', to: null, changed: true },
    ])
    await kernel.files.write('/sys/bus/pci/drivers_probe', device)
    expect([driverOf(kernel.files, device), overrideOf(kernel, device)]).toEqual([null, 'none'])
    expect(await bind(kernel, { device, driver: 'none' })).toMatchObject([{ to: null, changed: false, steps: [] }])
    expect(await release(kernel, { device })).toMatchObject([{ from: null, to: null, changed: true }])
    expect([overrideOf(kernel, device), keptBindings.read(kernel.files, device)]).toEqual(['(null)', null])
  })

  test('transient: nothing is kept', async (context) => {
    const { kernel, device } = machine(context, 'edu')
    await bind(kernel, { device, transient: true })
    expect(keptBindings.list(kernel.files)).toEqual({ settings: [], warnings: [] })
    expect(driverOf(kernel.files, device)).toBe('vfio-pci')
  })

  test('a dry run says each write in order, and makes none', async (context) => {
    const { kernel, device } = machine(context, 'edu')
    const [change] = await bind(kernel, { device }, { dryRun: true })
    expect(change?.steps).toEqual([
      { action: 'write', path: `${path(device)}/driver_override`, value: 'vfio-pci' },
      { action: 'write', path: '/sys/bus/pci/drivers_probe', value: device },
      { action: 'save', path: keptBindings.path(device), content: expect.stringContaining('"best"') },
    ])
    expect([driverOf(kernel.files, device), overrideOf(kernel, device)]).toEqual([null, '(null)'])
    await bind(kernel, { device })
    const [back] = await release(kernel, { device }, { dryRun: true })
    expect(back?.steps).toEqual([
      { action: 'write', path: `${path(device)}/driver_override`, value: '\n' },
      { action: 'write', path: `${path(device)}/driver/unbind`, value: device },
      { action: 'write', path: '/sys/bus/pci/drivers_probe', value: device },
      { action: 'delete', path: keptBindings.path(device) },
    ])
    expect(driverOf(kernel.files, device)).toBe('vfio-pci')
  })
})

test('a driver that refuses the device: NOT_SUPPORTED, and all is as it was', async (context) => {
  const { kernel, device } = machine(context, 'edu')
  await expect(bind(kernel, { device, driver: 'virtio-pci' })).rejects.toMatchObject({
    code: 'NOT_SUPPORTED',
    facts: { device, driver: 'virtio-pci' },
  })
  expect([driverOf(kernel.files, device), overrideOf(kernel, device)]).toEqual([null, '(null)'])
  await bind(kernel, { device })
  await expect(bind(kernel, { device, driver: 'virtio-pci' })).rejects.toMatchObject({ code: 'NOT_SUPPORTED' })
  expect([driverOf(kernel.files, device), overrideOf(kernel, device)]).toEqual(['vfio-pci', 'vfio-pci'])
})

test('what somebody has open is not taken: DEVICE_BUSY at once, with who has it', async (context) => {
  const { kernel, device } = machine(context, 'edu')
  await bind(kernel, { device })
  const group = iommuGroup(kernel.files, path(device))
  const node = [`/dev/vfio/${group}`, `/dev/vfio/noiommu-${group}`].find((node) => kernel.files.kind(node) !== null)
  const fd = kernel.open(node ?? '', 'rw')
  try {
    for (const force of [false, true]) {
      await expect(release(kernel, { device }, { force })).rejects.toMatchObject({
        code: 'DEVICE_BUSY',
        message: expect.stringContaining(`this process (pid ${kernel.pid})`),
      })
    }
    expect([driverOf(kernel.files, device), overrideOf(kernel, device)]).toEqual(['vfio-pci', 'vfio-pci'])
  } finally {
    kernel.close(fd)
  }
})

test('with its group, every endpoint goes, and comes back', async (context) => {
  const { kernel, device } = machine(context, 'edu-shared-1')
  if (iommuGroup(kernel.files, path(device)) === null) context.skip('without an IOMMU there are no groups')
  if (!sharesRequesterIds) context.skip("the SMMU's driver takes one of the devices behind a conventional bridge")
  const both = [addresses['edu-shared-1'], addresses['edu-shared-2']]
  const drivers = () => both.map((address) => driverOf(kernel.files, address))
  expect((await bind(kernel, { device, group: true })).map((change) => change.device)).toEqual(both)
  expect(drivers()).toEqual(['vfio-pci', 'vfio-pci'])
  await release(kernel, { device, group: true })
  expect(drivers()).toEqual([null, null])
})

test('a bridge, a driver that is not loaded and a device that is not there are refused', async (context) => {
  const { kernel, device } = machine(context, 'edu')
  await expect(bind(kernel, { device: '00:06.0' })).rejects.toMatchObject({ code: 'NOT_SUPPORTED' })
  await expect(bind(kernel, { device, driver: 'no-such-driver' })).rejects.toMatchObject({ code: 'NOT_FOUND' })
  await expect(bind(kernel, { device, driver: '../devices' })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  await expect(bind(kernel, { device: '7f:1f.7' })).rejects.toMatchObject({ code: 'NOT_FOUND' })
  await expect(bind(kernel, { device: 'eth0' })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
})
