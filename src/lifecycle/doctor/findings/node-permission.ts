import { type Account, account, groupName } from '../../../host/accounts.ts'
import { findDeviceNode } from '../../../host/device-node.ts'
import { kindOrNone } from '../../../host/sysfs/readable.ts'
import type { FileOwner, HostFiles } from '../../../kernel/kernel.ts'
import { type Finding, seen } from '../reading/finding.ts'
import type { HostReader, WantedDevice } from '../reading/host-reader.ts'

const readAndWrite = 0o6

/** A node that a user may not open. */
interface ClosedNode {
  readonly path: string
  readonly owner: FileOwner
}

/** Devices of which a user may open neither the group's nodes nor iommufd's. An access list is not looked at. */
export function nodePermission({ files, devices, request }: HostReader): Finding[] {
  if (request.user === undefined) return []
  const user = account(files, request.user)
  return devices.filter(({ vfio }) => vfio).flatMap((device) => findingOf(files, user, device))
}

function findingOf(files: HostFiles, user: Account, { device, name, group }: WantedDevice): Finding[] {
  const own = findDeviceNode(files, { group, name: device.name })?.path
  const ways = [
    ...(group === null ? [] : [['/dev/vfio/vfio', `/dev/vfio/${group}`]]),
    ...(own === undefined ? [] : [['/dev/iommu', own]]),
  ].filter((nodes) => nodes.every((node) => kindOrNone(files, node) !== null))
  const closed = ways.map((nodes) => nodes.flatMap((node) => closedNode(files, user, node)))
  const [easiest = []] = closed.toSorted((one, other) => one.length - other.length)
  if (easiest.length === 0) return []
  return [
    {
      id: 'node-not-permitted',
      severity: 'problem',
      device: name,
      message: `${user.name} may not open ${easiest.map(({ path }) => path).join(' and ')}, by owner and mode`,
      evidence: closed.flat().map(({ path, owner }) => seen(path, shownOwner(files, owner))),
      consequence: `a program of this user does not get ${name} (EACCES), unless libvirt hands it over, or an access list allows it`,
      commands: easiest.map((node) => permitting(files, user, node)),
      advice: `for every boot, a udev rule: SUBSYSTEM=="vfio|vfio-dev", OWNER="${user.name}"; for /dev/iommu: KERNEL=="iommu", GROUP="…"`,
    },
  ]
}

function closedNode(files: HostFiles, { uid, gids }: Account, path: string): ClosedNode[] {
  const owner = files.owner(path)
  const shift = owner.uid === uid ? 6 : gids.includes(owner.gid) ? 3 : 0
  const isOpen = uid === 0 || ((owner.mode >> shift) & readAndWrite) === readAndWrite
  return isOpen ? [] : [{ path, owner }]
}

/** A group that may open it already, if it is not root's; else an access list. */
function permitting(files: HostFiles, { name }: Account, { path, owner: { gid, mode } }: ClosedNode): string {
  const mayGroup = gid !== 0 && ((mode >> 3) & readAndWrite) === readAndWrite
  return mayGroup ? `usermod -aG ${groupName(files, gid)} ${name}` : `setfacl -m u:${name}:rw ${path}`
}

function shownOwner(files: HostFiles, { uid, gid, mode }: FileOwner): string {
  return `user ${uid}, group ${groupName(files, gid)}, mode ${mode.toString(8).padStart(4, '0')}`
}
