import { bindIommufdFlag, vfioDeviceBindIommufd } from '../../uapi/device.ts'
import type { Values } from '../../uapi/struct.ts'
import { Errno } from '../base/errno.ts'
import { structArgument } from '../descriptors/ioctl-argument.ts'
import type { IoctlArgument } from '../descriptors/open-file.ts'
import type { BoundDevice } from '../iommufd/bound-device.ts'
import type { Iommufd } from '../iommufd/iommufd.ts'
import type { Machine } from '../machine/machine.ts'
import { moduleParameter } from '../state/module-parameters.ts'
import type { VfioGroup } from './vfio-groups.ts'

/** EPERM if a device could raise interrupts that are not its own, and the module was not told to allow that. */
export function checkInterrupts(
  { scenario, store }: Pick<Machine, 'scenario' | 'store'>,
  module: 'vfio_iommu_type1' | 'iommufd',
): void {
  if (scenario.isolatesInterrupts !== false) return
  if (moduleParameter(scenario, store.read(), module, 'allow_unsafe_interrupts') !== 'Y') throw new Errno('EPERM')
}

/** Before the pointer to a VF token was appended (6.17). */
const oldBindSize = 16

/** Argument of VFIO_DEVICE_BIND_IOMMUFD: E2BIG, EINVAL if it cannot be right for any device. */
export function bindArgument(argument: IoctlArgument): {
  bytes: Uint8Array
  values: Values<typeof vfioDeviceBindIommufd>
} {
  const { bytes, values } = structArgument(vfioDeviceBindIommufd, argument, oldBindSize)
  const { argsz, flags, iommufd } = values
  if (bytes.subarray(vfioDeviceBindIommufd.size, argsz).some((byte) => byte !== 0)) throw new Errno('E2BIG')
  if (iommufd < 0 || (flags & ~bindIommufdFlag.VFIO_DEVICE_BIND_FLAG_TOKEN) !== 0) throw new Errno('EINVAL')
  return { bytes, values }
}

/**
 * Binds a device of a group to an iommufd. EPERM if a driver, or another iommufd, has the group, and if it could
 * raise interrupts that are not its own.
 */
export function bindDevice(machine: Machine, group: VfioGroup, iommufd: Iommufd): BoundDevice {
  if (group.kind === 'translated') {
    checkInterrupts(machine, 'iommufd')
    if (!group.isViable) throw new Errno('EPERM')
  }
  return iommufd.bind(group.key, group.kind)
}
