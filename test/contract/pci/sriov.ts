import { onTestFinished, type TestContext } from 'vitest'
import type { DeviceAddress } from '../../../src/host/device-node.ts'
import type { TranslatingMode } from '../iommu-modes.ts'
import { bindForMode } from '../iommu-modes.ts'
import { isLinuxBefore } from '../kernel.ts'
import { type BoundPci, driverOf } from '../pci.ts'

export interface VirtualFunctions extends BoundPci {
  readonly physical: DeviceAddress
  /** On vfio-pci, as their physical function is. */
  readonly virtual: readonly DeviceAddress[]
}

/**
 * The SR-IOV device on vfio-pci with so many of its virtual functions, which are gone after the test. Skips the test where
 * the kernel under test has no such mode.
 */
export async function bindWithFunctions(
  context: TestContext,
  mode: TranslatingMode,
  count: number,
): Promise<VirtualFunctions> {
  const bound = await bindForMode(context, mode, 'nvme')
  const { files } = bound.kernel
  const path = `/sys/bus/pci/devices/${bound.address}`
  if (files.kind(`${path}/sriov_totalvfs`) === null) context.skip('this kernel finds no SR-IOV in it')
  const parameter = '/sys/module/vfio_pci/parameters/enable_sriov'
  const before = files.read(parameter).trim()
  await files.write(parameter, 'Y')
  onTestFinished(async () => {
    await files.write(`${path}/sriov_numvfs`, '0')
    await files.write(parameter, before)
  })
  await files.write(`${path}/sriov_numvfs`, String(count))
  const addressOf = (device: string): DeviceAddress => {
    const group = Number(files.readlink(`/sys/bus/pci/devices/${device}/iommu_group`).split('/').at(-1))
    return { group, name: device }
  }
  const virtual = Array.from({ length: count }, (_, index) =>
    addressOf(files.readlink(`${path}/virtfn${index}`).split('/').at(-1) ?? ''),
  )
  for (const { name } of virtual) {
    const driver = driverOf(files, name)
    if (driver !== 'vfio-pci') throw new Error(`${name} is with ${driver}, not with its physical function's vfio-pci`)
    // opening one resets it, and then these kernels wait a minute for its vendor id, which QEMU's shows as all ones
    if (bound.name === 'linux' && isLinuxBefore(bound, 6, 13)) {
      await files.write(`/sys/bus/pci/devices/${name}/reset_method`, '\n')
    }
  }
  return { ...bound, physical: addressOf(bound.address), virtual }
}
