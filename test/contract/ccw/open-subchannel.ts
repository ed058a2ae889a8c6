import { onTestFinished, type TestContext } from 'vitest'
import type { Kernel } from '../../../src/kernel/kernel.ts'
import { type Device, openDevice } from '../../../src/vfio/device.ts'
import type { EnabledIrq } from '../../../src/vfio/irq/irq-enabled.ts'
import type { ContractKernel } from '../kernel.ts'
import { contractKernel } from '../kernel.ts'

/** The number of a device whose driver the tests may take away (scripts/vm/devices.mjs, test/contract/vm-scenario.ts). */
export const deviceNumber = 0x0314
const css = '/sys/bus/css'
const type = 'vfio_ccw-io'

export interface OpenSubchannel extends ContractKernel {
  readonly device: Device
  readonly uuid: string
  /** Its interrupt `io`, enabled. */
  readonly io: EnabledIrq
}

/** The subchannel of the device; skips the test where the machine has no channel subsystem. */
export function subchannelUnderTest({ skip }: TestContext, { files }: Kernel): string {
  if (files.kind(`${css}/devices`) === null) skip('the machine has no channel subsystem')
  const shown = `0.0.${deviceNumber.toString(16).padStart(4, '0')}`
  const found = files
    .list(`${css}/devices`)
    .find((name) => name.startsWith('0.0.') && files.read(`${css}/devices/${name}/dev_busid`).trim() === shown)
  if (found === undefined) return skip(`no subchannel has the device ${shown}`)
  return found
}

/** True if vfio_ccw has the subchannel, as an earlier test left it on a real kernel. */
export function isWithVfio({ files }: Kernel, subchannel: string): boolean {
  return files.kind(`${css}/drivers/vfio_ccw/${subchannel}`) !== null
}

/**
 * Gives a subchannel to vfio_ccw until the test ends; on a real kernel for good: Linux 6.12 and 7 may not survive it when
 * vfio_ccw is unbound from a subchannel that had a mediated device (vfio_ccw_sch_remove).
 */
async function lendSubchannel({ kernel, name }: ContractKernel, subchannel: string): Promise<void> {
  const { files } = kernel
  if (isWithVfio(kernel, subchannel)) return
  const override = `${css}/devices/${subchannel}/driver_override`
  const move = async (from: string, to: string) => {
    await files.write(override, to)
    await files.write(`${css}/drivers/${from}/unbind`, subchannel)
    await files.write(`${css}/drivers_probe`, subchannel)
  }
  if (name === 'mock') {
    onTestFinished(async () => {
      await move('vfio_ccw', 'io_subchannel')
      await files.write(override, '\n')
    })
  }
  await move('io_subchannel', 'vfio_ccw')
}

/** A mediated device of a subchannel, opened with its interrupt enabled; all of it undone after the test. */
export async function openSubchannel(
  context: TestContext,
  wrapped: (kernel: Kernel) => Kernel = (kernel) => kernel,
): Promise<OpenSubchannel> {
  const contract = contractKernel()
  onTestFinished(() => contract.kernel.dispose())
  const subchannel = subchannelUnderTest(context, contract.kernel)
  await lendSubchannel(contract, subchannel)
  const { uuid, group } = await contract.createMdev(subchannel, type)
  onTestFinished(() => contract.remove(uuid))
  const device = openDevice(wrapped(contract.kernel), { group, name: uuid })
  onTestFinished(() => device.close())
  const io = device.irqs.io.enable([0])
  return { ...contract, device, uuid, io }
}
