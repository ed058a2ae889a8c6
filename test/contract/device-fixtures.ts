import { onTestFinished, type TestContext } from 'vitest'
import type { DeviceAddress } from '../../src/host/device-node.ts'
import type { Kernel } from '../../src/kernel/kernel.ts'
import { contractKernel } from './kernel.ts'
import { bindPci } from './pci.ts'

/** A device that a test opens by itself, as often as it likes. */
export interface DeviceFixture {
  readonly kernel: Kernel
  readonly address: DeviceAddress
}

/** A mediated device, removed after the test, and a PCI device, given back to its driver. */
export const deviceFixtures: Readonly<Record<'mtty' | 'edu', (context: TestContext) => Promise<DeviceFixture>>> = {
  async mtty({ skip }) {
    const contract = contractKernel()
    if (contract.kernel.files.kind('/sys/class/mdev_bus/mtty') === null) skip('module mtty is not loaded')
    const { uuid, group } = await contract.createMdev('mtty', 'mtty-2')
    onTestFinished(async () => {
      await contract.remove(uuid)
      contract.kernel.dispose()
    })
    return { kernel: contract.kernel, address: { group, name: uuid } }
  },
  async edu(context) {
    const { kernel, group, address } = await bindPci(context, 'edu')
    return { kernel, address: { group, name: address } }
  },
}
