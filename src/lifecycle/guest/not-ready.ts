import { VfioError } from '../../base/errors.ts'
import { type DeviceNode, findDeviceNode, hasIommufd, isNoiommuGroup } from '../../host/device-node.ts'
import { findDeviceUsers, shownUsers, usersOfAny } from '../../host/device-users.ts'
import { foreignMembers, groupMembers } from '../../host/group-members.ts'
import { unsafeInterrupts } from '../../host/interrupt-isolation.ts'
import { iommuAdvice } from '../../host/iommu-advice.ts'
import type { Warning } from '../../host/warning.ts'
import { whyNotOpen } from '../../host/why-not-open.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import type { GuestDevice } from './guest-device.ts'

/** The way that a guest's process opens its devices. */
export interface OpeningOptions {
  /** By iommufd and the devices' own nodes (Linux 6.6), instead of by IOMMU groups. */
  readonly iommufd?: boolean
}

/** The path of a device's node in /dev/vfio/devices. NOT_FOUND, with what would give it one. */
export function deviceNodePath(files: HostFiles, device: GuestDevice): string {
  const node = deviceNodeOf(files, device)
  if (node !== null) return node.path
  const { name, isThere, member } = device
  throw new VfioError('NOT_FOUND', `${name} has no node in /dev/vfio/devices`, {
    hint: !isThere
      ? `vfioctl start ${name}`
      : member.vfio
        ? 'Linux 6.6 with CONFIG_VFIO_DEVICE_CDEV has them; without --iommufd, it goes by its group'
        : givesVfio(device),
    facts: { device: name },
  })
}

/** The node of a device in /dev/vfio/devices, or null. */
function deviceNodeOf(files: HostFiles, { name, group }: GuestDevice): DeviceNode | null {
  return findDeviceNode(files, { name, group })
}

/** Reasons why a guest cannot have its devices now, each with the command that helps. */
export function whatIsNotReady(
  files: HostFiles,
  devices: readonly GuestDevice[],
  { iommufd = false }: OpeningOptions,
): Warning[] {
  const warnings = devices.flatMap((device) => [...whyNotOpened(files, device), ...whyNoNode(files, device, iommufd)])
  warnings.push(...whoUses(files, devices))
  for (const group of new Set(devices.map((device) => device.group))) {
    if (group !== null) warnings.push(...whyGroupIsRefused(files, group, namesIn(devices, group)))
  }
  if (iommufd && !hasIommufd(files)) {
    warnings.push({ path: '/dev/iommu', message: 'is not there: modprobe iommufd (Linux 6.2, CONFIG_IOMMUFD)' })
  }
  const unsafe = devices.some(({ bus }) => bus === 'pci') ? unsafeInterrupts(files) : null
  return unsafe === null ? warnings : [...warnings, unsafe]
}

/** The command that gives a device a driver of VFIO. */
function givesVfio({ bus, name }: GuestDevice): string {
  return bus === 'mdev' ? 'modprobe vfio_mdev' : `vfioctl bind ${name}`
}

function whyNotOpened(files: HostFiles, device: GuestDevice): Warning[] {
  const { name, isThere, member, group } = device
  if (!isThere) return [{ path: name, message: `is not active: vfioctl start ${name}` }]
  const warnings: Warning[] = []
  if (!member.vfio) {
    const has = member.driver === null ? 'has no driver' : `is with ${member.driver}, not with a driver of VFIO`
    warnings.push({ path: name, message: `${has}: ${givesVfio(device)}` })
  } else {
    const reason = whyNotOpen(files, name)
    if (reason !== null) warnings.push({ path: name, message: `does not open: ${reason.because} (${reason.hint})` })
  }
  if (group === null) {
    const { why, hint } = iommuAdvice(files)
    warnings.push({ path: name, message: `has no IOMMU group: ${why} (${hint})` })
  }
  return warnings
}

function whyNoNode(files: HostFiles, device: GuestDevice, iommufd: boolean): Warning[] {
  if (!iommufd || !device.member.vfio || deviceNodeOf(files, device) !== null) return []
  const message = 'has no node in /dev/vfio/devices, by which iommufd takes it: Linux 6.6, CONFIG_VFIO_DEVICE_CDEV'
  return [{ path: device.name, message }]
}

function namesIn(devices: readonly GuestDevice[], group: number): string[] {
  return devices.filter((device) => device.group === group).map(({ name }) => name)
}

/** Of the devices that are given, each has its own warning. */
function whyGroupIsRefused(files: HostFiles, group: number, given: readonly string[]): Warning[] {
  const path = `group ${group}`
  if (isNoiommuGroup(files, group)) {
    return [
      { path, message: 'has no IOMMU behind it: QEMU opens no such group, as no guest could be kept in its memory' },
    ]
  }
  const blockers = foreignMembers(groupMembers(files, group)).filter(({ name }) => !given.includes(name))
  if (blockers.length === 0) return []
  const shown = blockers.map(({ name, driver }) => `${name} is with ${driver}`).join(', ')
  return [{ path, message: `is not viable, as ${shown}: vfioctl bind ${given[0]} --group` }]
}

/** A device has one user at a time, and so has its group. */
function whoUses(files: HostFiles, devices: readonly GuestDevice[]): Warning[] {
  const named = devices.map((device) => {
    const group = device.group === null ? null : `/dev/vfio/${device.group}`
    const names = [device.name, deviceNodeOf(files, device)?.path ?? null, group].filter((name) => name !== null)
    return { path: device.name, names }
  })
  const users = findDeviceUsers(files, new Set(named.flatMap(({ names }) => names)))
  return named.flatMap(({ path, names }) => {
    const its = usersOfAny(users, names)
    return its.length === 0 ? [] : [{ path, message: `is in use by ${shownUsers(its)}` }]
  })
}
