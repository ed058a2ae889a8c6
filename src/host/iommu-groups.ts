import { pciAddressOrNull, uuidOrNull } from '../base/units.ts'
import type { HostFiles } from '../kernel/kernel.ts'
import { type BusName, busOrNull } from './bus/bus.ts'
import { type BusDevice, devicePath, parseBusDevice } from './bus/bus-device.ts'
import { findDeviceNode } from './device-node.ts'
import { type DeviceUser, findDeviceUsers, usersOfAny } from './device-users.ts'
import { foreignMembers, type GroupMember, groupMember, groupMembers, iommuGroup } from './group-members.ts'
import { unsafeInterrupts } from './interrupt-isolation.ts'
import { iommuAdvice } from './iommu-advice.ts'
import { readPciIds } from './pci-ids.ts'
import { linkedName } from './sysfs/links.ts'
import { listOrNone } from './sysfs/readable.ts'
import { listOrWarn, readOrWarn, type Warning } from './warning.ts'

/** Devices that the IOMMU cannot tell apart, given away as a whole: /sys/kernel/iommu_groups/N. */
export interface IommuGroup {
  readonly number: number
  /** 'DMA', 'DMA-FQ', 'identity'…: how the host's own drivers use it; null if sysfs does not say. */
  readonly type: string | null
  readonly devices: readonly GroupDevice[]
  /** VFIO may have it: its drivers are VFIO's, or leave DMA alone. */
  readonly viable: boolean
  /** The devices whose drivers keep it from being viable. */
  readonly blockers: readonly GroupMember[]
  /** '/dev/vfio/5' or '/dev/vfio/noiommu-5'; null while VFIO has no device of it. */
  readonly node: string | null
  /** The processes that hold the group's node, or that of one of its devices. */
  readonly users: readonly DeviceUser[]
}

/** A device of an IOMMU group, as sysfs shows it. */
export interface GroupDevice extends GroupMember {
  /** Null for one on a bus that VFIO knows nothing of. */
  readonly bus: BusName | null
  /** As sysfs shows them: '0x020000', '0x8086', '0x10d3'; null for what is no PCI device. */
  readonly class: string | null
  readonly vendor: string | null
  readonly device: string | null
  /** The device's own node ('/dev/vfio/devices/vfio0', Linux 6.6 and later), or null. */
  readonly node: string | null
}

/** Filter for the IOMMU groups to show; all if empty. */
export interface GroupFilter {
  readonly number?: number
  /** Only the group of this device: its PCI address in the long form, its UUID, or BUS/NAME. */
  readonly device?: string
}

/** The folder of IOMMU groups in sysfs. */
export const iommuGroups = '/sys/kernel/iommu_groups'
const pciPath = '/sys/bus/pci/devices'

/** The IOMMU groups of a host, and what could not be read. */
export interface FoundGroups {
  readonly groups: IommuGroup[]
  /**
   * PCI devices that are in no group though this machine has an IOMMU: none is in front of them, or they get one with
   * their first driver (arm64, virtio-iommu).
   */
  readonly withoutGroup: GroupDevice[]
  readonly warnings: Warning[]
}

/** Every IOMMU group by its number, or those of the filter. What cannot be read is a warning, and the rest goes on. */
export function readIommuGroups(files: HostFiles, filter: GroupFilter = {}): FoundGroups {
  const warnings: Warning[] = []
  const wanted = filter.device === undefined ? undefined : parseBusDevice(filter.device)
  const all = numbers(files, warnings)
    .filter((number) => filter.number === undefined || number === filter.number)
    .flatMap((number) => {
      const devices = `${iommuGroups}/${number}/devices`
      return readOrWarn(devices, warnings, [], () => {
        // what cannot be told of is not viable for having no members
        files.list(devices)
        return [{ number, members: groupMembers(files, number) }]
      })
    })
  const found = all
    .filter(({ members }) => wanted === undefined || members.some(({ name }) => name === wanted.name))
    .flatMap(({ number, members }) => {
      const path = `${iommuGroups}/${number}`
      return readOrWarn(path, warnings, [], () => [readGroup(files, number, members, warnings)])
    })
  const users = findDeviceUsers(files, new Set(found.flatMap(openedAs)))
  const groups = found.map((group) => ({ ...group, users: usersOfAny(users, openedAs(group)) }))
  const members = new Set(all.flatMap((group) => group.members.map(({ name }) => name)))
  const withoutGroup = filter.number === undefined ? ungrouped(files, wanted, members, warnings) : []
  const unsafe = groups.some(isBehindIommu) || withoutGroup.length > 0 ? unsafeInterrupts(files) : null
  if (unsafe !== null) warnings.push(unsafe)
  return { groups, withoutGroup, warnings }
}

/** Not one that VFIO made by itself: of mediated devices, and in noiommu mode. */
function isBehindIommu({ type, devices }: Pick<IommuGroup, 'type' | 'devices'>): boolean {
  return type !== 'unknown' && devices.some(({ bus }) => bus === 'pci')
}

function ungrouped(
  files: HostFiles,
  wanted: BusDevice | undefined,
  members: ReadonlySet<string>,
  warnings: Warning[],
): GroupDevice[] {
  if (members.size === 0 && listOrNone(files, '/sys/class/iommu').length === 0) return []
  if (wanted !== undefined && wanted.bus !== 'pci') return withoutItsGroup(files, wanted)
  return listOrNone(files, pciPath)
    .sort()
    .filter((name) => (wanted === undefined || name === wanted.name) && pciAddressOrNull(name) === name)
    .filter((name) => !members.has(name) && iommuGroup(files, `${pciPath}/${name}`) === null)
    .map((name) => ({
      ...groupMember(files, name, `${pciPath}/${name}`),
      bus: 'pci',
      ...readPciIds(files, name, warnings),
      node: null,
    }))
}

/** Of other buses only one that is named: most of their devices have no DMA, and so no group. */
function withoutItsGroup(files: HostFiles, wanted: BusDevice): GroupDevice[] {
  const path = devicePath(wanted)
  if (files.kind(path) === null || iommuGroup(files, path) !== null) return []
  return [{ ...groupMember(files, wanted.name, path), bus: wanted.bus, ...noIds, node: null }]
}

const noIds = { class: null, vendor: null, device: null }

function numbers(files: HostFiles, warnings: Warning[]): number[] {
  const already = warnings.length
  const names = listOrWarn(files, iommuGroups, warnings)
  if (names.length === 0 && warnings.length === already) {
    const { why, hint } = iommuAdvice(files)
    warnings.push({ path: iommuGroups, message: `has no group: ${why} (${hint})` })
  }
  return names
    .filter((name) => /^\d{1,9}$/.test(name))
    .map(Number)
    .sort((a, b) => a - b)
}

function readGroup(
  files: HostFiles,
  number: number,
  members: readonly GroupMember[],
  warnings: Warning[],
): Omit<IommuGroup, 'users'> {
  const blockers = foreignMembers(members)
  return {
    number,
    type: readType(files, `${iommuGroups}/${number}/type`, warnings),
    devices: members.map((member) => readDevice(files, number, member, warnings)),
    viable: blockers.length === 0,
    blockers,
    node: [`/dev/vfio/${number}`, `/dev/vfio/noiommu-${number}`].find((node) => files.kind(node) !== null) ?? null,
  }
}

function readType(files: HostFiles, path: string, warnings: Warning[]): string | null {
  return readOrWarn(path, warnings, null, () => files.read(path).trim() || null)
}

function readDevice(files: HostFiles, group: number, member: GroupMember, warnings: Warning[]): GroupDevice {
  const { name } = member
  const bus = busOf(files, group, name)
  const ids = bus === 'pci' ? readPciIds(files, name, warnings) : noIds
  const node = member.vfio ? (findDeviceNode(files, { group, name })?.path ?? null) : null
  return { ...member, bus, ...ids, node }
}

/** By the form of the name, as nearly all are PCI devices and mediated ones; else by what sysfs says. */
function busOf(files: HostFiles, group: number, name: string): BusName | null {
  if (pciAddressOrNull(name) === name) return 'pci'
  if (uuidOrNull(name) === name) return 'mdev'
  return busOrNull(linkedName(files, `${iommuGroups}/${group}/devices/${name}/subsystem`) ?? '')?.name ?? null
}

/** Its node, and those and the names of its devices. */
function openedAs({ node, devices }: Pick<IommuGroup, 'node' | 'devices'>): string[] {
  return [node, ...devices.flatMap((device) => [device.node, device.name])].filter((name) => name !== null)
}
