// Power and resets that go with a binding, kept by vfioctl.
import { expect, onTestFinished, test } from 'vitest'
import { parsePciAddress } from '../../../src/base/units.ts'
import { readResizableBars } from '../../../src/host/pci-bars.ts'
import { readPciPower } from '../../../src/host/pci-power.ts'
import { bind } from '../../../src/lifecycle/bindings/bind.ts'
import { release } from '../../../src/lifecycle/bindings/release.ts'
import type { PciSettings } from '../../../src/lifecycle/settings/pci-settings.ts'
import { contractKernel } from '../kernel.ts'
import { addresses, driverOf } from '../pci.ts'

test.for(['e1000e', 'nvme'] as const)(
  'the power and resets of %s are set with its driver, and are as before once it is released',
  async (name, { skip }) => {
    const { kernel } = contractKernel()
    onTestFinished(() => kernel.dispose())
    const device = parsePciAddress(addresses[name])
    if (kernel.files.kind(`/sys/bus/pci/devices/${device}`) === null) skip('the machine has no such device')
    const now = () => readPciPower(kernel.files, device)
    const before = now()
    // a kernel without CONFIG_PM has no power to set, and resets all the same
    const isPowered = before.d3coldAllowed !== null
    const power: PciSettings = isPowered ? { power: 'on', d3cold: false } : {}
    const awake = isPowered ? { powerState: 'D0', control: 'on', runtimeStatus: 'active', d3coldAllowed: false } : {}
    const had = driverOf(kernel.files, device)
    onTestFinished(async () => {
      await release(kernel, { device })
    })
    const resetMethods = before.resetMethods.toReversed()
    await bind(kernel, { device, settings: { ...power, resetMethods } })
    expect(driverOf(kernel.files, device)).toBe('vfio-pci')
    expect(now()).toMatchObject({ ...awake, resetMethods })
    expect(await bind(kernel, { device })).toMatchObject([{ changed: false }])
    await bind(kernel, { device, settings: { resetMethods: [] } })
    expect(now()).toMatchObject({ ...awake, resetMethods: [] })
    await release(kernel, { device })
    expect(now()).toMatchObject({ d3coldAllowed: before.d3coldAllowed, resetMethods: before.resetMethods })
    expect(driverOf(kernel.files, device)).toBe(had)
  },
)

test('a reset that the device has not is refused, and its driver and power are as they were', async ({ skip }) => {
  const { kernel } = contractKernel()
  onTestFinished(() => kernel.dispose())
  const device = parsePciAddress(addresses.e1000e)
  if (kernel.files.kind(`/sys/bus/pci/devices/${device}`) === null) skip('the machine has no such device')
  const power = readPciPower(kernel.files, device)
  const before = [power, driverOf(kernel.files, device)]
  // without CONFIG_PM there is no D3cold to allow; e1000e of QEMU has no firmware that resets it
  const d3cold = power.d3coldAllowed === null ? {} : { d3cold: false }
  const asked = bind(kernel, { device, settings: { ...d3cold, resetMethods: ['acpi'] } })
  await expect(asked).rejects.toMatchObject({
    message: expect.stringMatching(/^cannot set reset_method .* to acpi: .*EINVAL/),
  })
  expect([readPciPower(kernel.files, device), driverOf(kernel.files, device)]).toEqual(before)
})

test('no device of the machine has a BAR that can be resized, and none is told to have one', async ({ skip }) => {
  const { kernel } = contractKernel()
  onTestFinished(() => kernel.dispose())
  const device = parsePciAddress(addresses.e1000e)
  if (kernel.files.kind(`/sys/bus/pci/devices/${device}`) === null) skip('the machine has no such device')
  expect(readResizableBars(kernel.files, device)).toEqual([])
  await expect(bind(kernel, { device, settings: { bars: { '0': 2 ** 30 } } })).rejects.toMatchObject({
    code: 'NOT_SUPPORTED',
    message: `BAR 0 of ${device} cannot be resized: it has none that are`,
  })
})
