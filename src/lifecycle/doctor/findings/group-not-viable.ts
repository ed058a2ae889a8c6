import { foreignMembers, visibleMembers } from '../../../host/group-members.ts'
import { iommuGroups } from '../../../host/iommu-groups.ts'
import { givesToVfio } from '../../bindings/wanted-driver.ts'
import { type Finding, seen } from '../reading/finding.ts'
import type { HostReader } from '../reading/host-reader.ts'

/** Groups of which another device is with a driver of the host's, which keeps VFIO from all of it. */
export function groupNotViable({ files, devices }: HostReader): Finding[] {
  const groups = new Map<number, Finding>()
  for (const { device, name, group, wanted } of devices) {
    if (group === null || groups.has(group) || wanted === null || !givesToVfio(files, device, wanted)) continue
    const blockers = foreignMembers(visibleMembers(files, group)).filter((member) => member.name !== device.name)
    if (blockers.length === 0) continue
    const with_ = blockers.map((member) => `${member.name} is with ${member.driver}`).join(', ')
    groups.set(group, {
      id: 'group-not-viable',
      severity: 'problem',
      device: name,
      message: `IOMMU group ${group} of ${name} is not viable: ${with_}`,
      evidence: blockers.map((member) => seen(`${iommuGroups}/${group}/devices/${member.name}/driver`, member.driver)),
      consequence: 'VFIO opens a group as a whole or not at all, as its devices can reach each other',
      commands: [`vfioctl bind ${name} --group`],
      advice: null,
    })
  }
  return [...groups.values()]
}
