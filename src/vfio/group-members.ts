import type { HostFiles } from '../kernel/kernel.ts'
import { uuidOrNull } from '../units.ts'

/** A device of an IOMMU group, by its name on its bus. */
export interface GroupMember {
  readonly name: string
  /** The driver bound to it, or null. */
  readonly driver: string | null
}

/** The devices of a group (/sys/kernel/iommu_groups/N/devices), sorted; none where sysfs does not tell. */
export function groupMembers(files: HostFiles, group: number): GroupMember[] {
  const devices = `/sys/kernel/iommu_groups/${group}/devices`
  try {
    return files
      .list(devices)
      .sort()
      .map((name) => ({ name, driver: boundDriver(files, `${devices}/${name}/driver`) }))
  } catch {
    // this only explains another error
    return []
  }
}

function boundDriver(files: HostFiles, link: string): string | null {
  try {
    return files.readlink(link).split('/').at(-1) ?? null
  } catch {
    return null
  }
}

/** Drivers beside which VFIO may use the other devices of a group: they leave DMA alone. */
const harmlessDrivers = new Set(['pci-stub', 'pcieport'])

/** VFIO's own drivers say so in their names; a mediated device's driver is VFIO's whatever its name (mtty, kvmgt). */
export function isVfioMember({ name, driver }: GroupMember): boolean {
  return driver !== null && (driver.includes('vfio') || uuidOrNull(name) === name)
}

/** The members whose drivers keep the group from being viable. */
export function foreignMembers(members: readonly GroupMember[]): GroupMember[] {
  return members.filter(
    (member) => member.driver !== null && !harmlessDrivers.has(member.driver) && !isVfioMember(member),
  )
}
