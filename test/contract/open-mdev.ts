import { onTestFinished, type TestContext } from 'vitest'
import { type Device, openDevice } from '../../src/vfio/device.ts'
import { type ContractKernel, contractKernel } from './kernel.ts'

export interface NewMdev extends ContractKernel {
  readonly uuid: string
  readonly group: number
}

export interface OpenMdev extends NewMdev {
  readonly device: Device
}

/** A new mediated device, removed after the test. Skips the test where its driver is not there. */
export async function newMdev(
  { skip }: TestContext,
  parent: 'mtty' | 'mdpy' | 'mbochs',
  type: string,
): Promise<NewMdev> {
  const contract = contractKernel()
  onTestFinished(() => contract.kernel.dispose())
  if (contract.kernel.files.kind(`/sys/class/mdev_bus/${parent}`) === null) skip(`module ${parent} is not loaded`)
  const { uuid, group } = await contract.createMdev(parent, type)
  onTestFinished(() => contract.remove(uuid))
  return { ...contract, uuid, group }
}

/** The same, opened, and closed before. */
export async function openMdev(...[context, parent, type]: Parameters<typeof newMdev>): Promise<OpenMdev> {
  const made = await newMdev(context, parent, type)
  const device = openDevice(made.kernel, { group: made.group, name: made.uuid })
  onTestFinished(() => device.close())
  return { ...made, device }
}
