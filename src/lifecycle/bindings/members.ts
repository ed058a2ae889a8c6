import { VfioError } from '../../base/errors.ts'
import { type BusDevice, devicePath, parseBusDevice, shownDevice } from '../../host/bus/bus-device.ts'
import { type DriverBinding, overridePath, readBinding } from '../../host/driver-binding.ts'
import { groupMembers } from '../../host/group-members.ts'
import { followLinks } from '../../host/sysfs/links.ts'
import type { HostFiles } from '../../kernel/kernel.ts'

/** The devices, or with `group` every endpoint of their IOMMU groups, each once: bridges stay with the host. */
export function members(files: HostFiles, device: string | readonly string[], group: boolean): DriverBinding[] {
  const found = [device].flat().flatMap((one) => withGroup(files, parseBusDevice(one), group))
  return [...new Map(found.map((binding) => [shownDevice(binding.device), binding])).values()]
}

/** Of the same bus: what firmware puts into a PCI device's group besides has no driver of VFIO on most kernels. */
function withGroup(files: HostFiles, device: BusDevice, group: boolean): DriverBinding[] {
  const its = readBinding(files, device)
  checkTakesOverride(files, device)
  if (!group || its.group === null) return [its]
  return groupMembers(files, its.group)
    .map(({ name }) => ({ bus: device.bus, name }))
    .filter((member) => files.kind(devicePath(member)) !== null)
    .map((member) => readBinding(files, member))
    .filter(({ isBridge }) => !isBridge)
}

/** INVALID_ARGUMENT or NOT_SUPPORTED for a device to which no driver can be named. */
function checkTakesOverride(files: HostFiles, device: BusDevice): void {
  const { bus, name } = device
  const shown = shownDevice(device)
  if (bus === 'mdev') {
    throw new VfioError('INVALID_ARGUMENT', `${name} is a mediated device: its driver is its parent’s`, {
      hint: 'vfioctl groups',
      facts: { bus, device: name },
    })
  }
  if (bus === 'pci' || files.kind(overridePath(device)) !== null) return
  throw new VfioError('NOT_SUPPORTED', `no driver can be named for ${shown}: it has no driver_override`, {
    path: overridePath(device),
    hint: otherWay(files, device),
    facts: { bus, device: name },
  })
}

function otherWay(files: HostFiles, device: BusDevice): string {
  const [subchannel = '0.0.NNNN'] = followLinks(files, devicePath(device))?.split('/').slice(-2) ?? []
  if (device.bus === 'ccw') return `VFIO takes its subchannel: vfioctl bind css/${subchannel}`
  if (device.bus === 'ap') return 'Linux 7.0 has it; before, `chzdev --type ap` gives adapters and domains to vfio_ap'
  return `uname -r; ls ${devicePath(device)}`
}
