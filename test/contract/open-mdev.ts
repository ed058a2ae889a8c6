import { onTestFinished, type TestContext } from 'vitest'
import { type Device, openDevice } from '../../src/vfio/device.ts'
import { type ContractKernel, contractKernel } from './kernel.ts'

export interface OpenMdev extends ContractKernel {
  readonly device: Device
  readonly uuid: string
  readonly group: number
}

/** A new mediated device, opened; closed and removed after the test. Skips the test where its driver is not there. */
export async function openMdev(
  { skip }: TestContext,
  parent: 'mtty' | 'mdpy' | 'mbochs',
  type: string,
): Promise<OpenMdev> {
  const contract = contractKernel()
  if (contract.kernel.files.kind(`/sys/class/mdev_bus/${parent}`) === null) {
    skip(contract.name === 'mock' ? `the mock ships no ${parent} yet` : `module ${parent} is not loaded`)
  }
  const { uuid, group } = await contract.createMdev(parent, type)
  const opened: Device[] = []
  onTestFinished(async () => {
    for (const device of opened) device.close()
    await contract.remove(uuid)
    contract.kernel.dispose()
  })
  const device = openDevice(contract.kernel, { group, name: uuid })
  opened.push(device)
  return { ...contract, device, uuid, group }
}
