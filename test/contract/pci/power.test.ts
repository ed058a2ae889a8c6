import { describe, expect, onTestFinished, type TestContext, test } from 'vitest'
import { parsePciAddress } from '../../../src/base/units.ts'
import { answersReads } from '../../../src/host/pci-answers.ts'
import { readPciPower } from '../../../src/host/pci-power.ts'
import { openDevice } from '../../../src/vfio/device.ts'
import { bindPci, driverOf, type PciName } from '../pci.ts'

/**
 * Asleep, as after a probe. Woken once first: after a hot reset, the kernel takes the state that it saved for that for its
 * own, and the next sleep leaves the device in D0 (pci_pm_runtime_suspend). Skips the test if the kernel is built without
 * power management, as a small one may be: then sysfs says nothing of it.
 */
async function bindManaged(context: TestContext, name: PciName) {
  const bound = await bindPci(context, name)
  const { files } = bound.kernel
  const address = parsePciAddress(bound.address)
  const control = `/sys/bus/pci/devices/${address}/power/control`
  if (readPciPower(files, address).control === null) context.skip('this kernel is built without CONFIG_PM')
  for (const word of ['on', 'auto']) await files.write(control, word)
  return bound
}

describe('the power of a device that vfio-pci has', () => {
  test.for([
    ['e1000e', 'D3hot'],
    ['edu-root-port', 'D0'],
  ] as const)(
    '%s sleeps in %s while nobody has it open, and is awake while somebody has',
    async ([name, state], context) => {
      const { kernel, group, address } = await bindManaged(context, name)
      const power = () => readPciPower(kernel.files, parsePciAddress(address))
      const asleep = { powerState: state, control: 'auto', runtimeStatus: 'suspended' }
      await expect.poll(power).toMatchObject(asleep)
      const device = openDevice(kernel, { group, name: address })
      expect(power()).toMatchObject({ powerState: 'D0', control: 'auto', runtimeStatus: 'active' })
      device.close()
      await expect.poll(power).toMatchObject(asleep)
    },
  )

  test('control on keeps it awake until the driver leaves; d3cold_allowed is a yes or no', async (context) => {
    const { kernel, address } = await bindManaged(context, 'e1000e')
    const { files } = kernel
    const folder = `/sys/bus/pci/devices/${address}`
    const power = () => readPciPower(files, parsePciAddress(address))
    onTestFinished(() => files.write(`${folder}/d3cold_allowed`, '1'))
    expect(power().d3coldAllowed).toBe(true)
    await files.write(`${folder}/power/control`, 'on')
    expect(power()).toMatchObject({ powerState: 'D0', control: 'on', runtimeStatus: 'active' })
    await files.write(`${folder}/d3cold_allowed`, '0')
    expect(power().d3coldAllowed).toBe(false)
    for (const file of ['power/control', 'd3cold_allowed']) {
      await expect(files.write(`${folder}/${file}`, 'junk')).rejects.toMatchObject({ code: 'EINVAL' })
    }
    await files.write(`${folder}/driver/unbind`, address)
    expect(driverOf(files, address)).toBe(null)
    expect(power()).toMatchObject({ powerState: 'unknown', control: 'on', runtimeStatus: 'active' })
  })

  test('a device answers reads of its configuration space, asleep or not; one that is not there cannot be asked', async (context) => {
    const { kernel, address } = await bindPci(context, 'e1000e')
    expect(answersReads(kernel, parsePciAddress(address))).toBe(true)
    expect(answersReads(kernel, parsePciAddress('0000:7f:1f.7'))).toBe(null)
  })
})
