import { onTestFinished, type TestContext } from 'vitest'
import type { DeviceAddress } from '../../../src/host/device-node.ts'
import type { Kernel } from '../../../src/kernel/kernel.ts'
import { contractKernel } from '../kernel.ts'
import { addresses, driverOf, type PciName } from '../pci.ts'

/** A PCI device without an IOMMU, on vfio-pci until the test is over. Skips the test where there is an IOMMU, or no such mode. */
export async function bindWithoutIommu(
  { skip }: TestContext,
  device: PciName,
): Promise<{ kernel: Kernel; address: DeviceAddress }> {
  const { kernel } = contractKernel()
  const { files } = kernel
  const pci = addresses[device]
  const path = `/sys/bus/pci/devices/${pci}`
  const parameter = '/sys/module/vfio/parameters/enable_unsafe_noiommu_mode'
  if (files.kind(parameter) === null) skip('this kernel has no noiommu mode')
  if (files.kind('/sys/kernel/iommu_groups/0') !== null && files.read(parameter).trim() !== 'Y')
    skip('there is an IOMMU')
  if (files.read(parameter).trim() !== 'Y') await files.write(parameter, 'Y')
  await files.write(`${path}/driver_override`, 'vfio-pci')
  if (driverOf(files, pci) === null) await files.write('/sys/bus/pci/drivers_probe', pci)
  onTestFinished(async () => {
    await files.write(`${path}/driver_override`, '\n')
    await files.write(`${path}/driver/unbind`, pci)
  })
  const link = files.kind(`${path}/iommu_group`) === null ? null : files.readlink(`${path}/iommu_group`)
  const group = link === null ? null : Number(link.split('/').at(-1))
  return { kernel, address: { group, name: pci } }
}
