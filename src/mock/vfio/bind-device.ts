import { Errno } from '../errno.ts'
import type { BoundDevice } from '../iommufd/bound-device.ts'
import type { Iommufd } from '../iommufd/iommufd.ts'
import type { VfioGroup } from './vfio-groups.ts'

/** Binds a device of a group to an iommufd. EPERM where a driver, or another iommufd, has the group. */
export function bindDevice(group: VfioGroup, iommufd: Iommufd): BoundDevice {
  if (group.kind === 'translated' && !group.isViable) throw new Errno('EPERM')
  return iommufd.bind(group.key, group.kind)
}
