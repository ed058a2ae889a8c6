import { uuidOrNull } from '../base/units.ts'
import type { HostFiles } from '../kernel/kernel.ts'
import { linkedName } from './sysfs/links.ts'
import { listIfThere } from './sysfs/readable.ts'

/** A device of an IOMMU group, by its name on its bus. */
export interface GroupMember {
  readonly name: string
  /** The driver bound to it, or null. */
  readonly driver: string | null
  /** VFIO has it: its driver is one of VFIO's, or makes a VFIO device of it. */
  readonly vfio: boolean
}

/** The devices of a group (/sys/kernel/iommu_groups/N/devices), sorted; none if there is no such group. */
export function groupMembers(files: HostFiles, group: number): GroupMember[] {
  const devices = `/sys/kernel/iommu_groups/${group}/devices`
  return listIfThere(files, devices)
    .sort()
    .map((name) => groupMember(files, name, `${devices}/${name}`))
}

/** The same for what explains another error: none if sysfs does not tell. */
export function visibleMembers(files: HostFiles, group: number): GroupMember[] {
  try {
    return groupMembers(files, group)
  } catch {
    return []
  }
}

/** The number of the IOMMU group of a device, by its folder in sysfs; null if it has none. */
export function iommuGroup(files: HostFiles, path: string): number | null {
  const name = linkedName(files, `${path}/iommu_group`)
  return name !== null && /^\d{1,9}$/.test(name) ? Number(name) : null
}

/**
 * The name of the driver that a `driver` link leads to; null if there is none. Throws `SystemError` if it cannot be
 * read.
 */
export function boundDriver(files: HostFiles, link: string): string | null {
  return linkedName(files, link)
}

/** The facts of a device in its folder in sysfs. */
export function groupMember(files: HostFiles, name: string, path: string): GroupMember {
  const driver = boundDriver(files, `${path}/driver`)
  return { name, driver, vfio: driver !== null && (isVfioDriver(name, driver) || hasVfioDevice(files, path)) }
}

/** VFIO's own drivers say so in their names; a mediated device's driver is VFIO's whatever its name (mtty, kvmgt). */
function isVfioDriver(name: string, driver: string): boolean {
  return driver.includes('vfio') || uuidOrNull(name) === name
}

/**
 * The driver of a whole card may give its virtual functions to VFIO by itself (nvidia): they have a vfio-dev folder.
 */
function hasVfioDevice(files: HostFiles, path: string): boolean {
  return listIfThere(files, `${path}/vfio-dev`).length > 0
}

/** Drivers beside which VFIO may use the other devices of a group: they leave DMA alone. */
const harmlessDrivers = new Set(['pci-stub', 'pcieport'])

/** The members whose drivers keep the group from being viable. */
export function foreignMembers(members: readonly GroupMember[]): GroupMember[] {
  return members.filter((member) => member.driver !== null && !harmlessDrivers.has(member.driver) && !member.vfio)
}
