import { foreignMembers, visibleMembers } from '../../host/group-members.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import type { Reason, Reasons } from '../calls/system-call.ts'

/** The reasons why a node under /dev/vfio may not be opened. */
export function nodePermission(path: string): Reasons {
  const denied = (): Reason => ({
    code: 'PERMISSION_DENIED',
    because: `${path} belongs to another user`,
    hint: `run as root, or: sudo chown $USER ${path}`,
  })
  return { EACCES: denied, EPERM: denied }
}

/** The reason why VFIO cannot have a group: devices of it are with other drivers. Null if sysfs shows none that is. */
export function notViableReason(files: HostFiles, group: number): Reason | null {
  const members = visibleMembers(files, group)
  const foreign = foreignMembers(members)
  const [first] = foreign
  if (first === undefined) return null
  return {
    code: 'GROUP_NOT_VIABLE',
    because: foreign.map(({ name, driver }) => `${name} is still bound to ${driver}`).join(', '),
    hint: `echo ${first.name} > /sys/kernel/iommu_groups/${group}/devices/${first.name}/driver/unbind`,
    facts: { group, siblings: members.map(({ name, driver }) => ({ name, driver })) },
  }
}
