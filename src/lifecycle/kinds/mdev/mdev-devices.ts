import { failedWith } from '../../../base/system-error.ts'
import { type Uuid, uuidOrNull } from '../../../base/units.ts'
import { findDeviceNode } from '../../../host/device-node.ts'
import { iommuGroup } from '../../../host/group-members.ts'
import { listOrWarn, unreadable, type Warning } from '../../../host/warning.ts'
import type { HostFiles } from '../../../kernel/kernel.ts'

/** A mediated device that exists: /sys/bus/mdev/devices/UUID, a symlink into its parent's folder. */
export interface MdevDevice {
  readonly uuid: Uuid
  readonly parent: string
  readonly type: string
  /** IOMMU group, and the node that opens it; null until a driver has the device. */
  readonly group: number | null
  readonly node: string | null
  /** Its own node, which opens it without its group; null if the kernel has no such nodes. */
  readonly deviceNode: string | null
}

const devicesPath = '/sys/bus/mdev/devices'

/** The folder of a mediated device in sysfs. */
export function mdevPath(uuid: Uuid): string {
  return `${devicesPath}/${uuid}`
}

/** Every device there is, or only `uuid`. A node that cannot be read is a warning; one that just went is nothing. */
export function readMdevDevices(files: HostFiles, only?: Uuid): { devices: MdevDevice[]; warnings: Warning[] } {
  const warnings: Warning[] = []
  const devices: MdevDevice[] = []
  for (const name of only === undefined ? listOrWarn(files, devicesPath, warnings) : [only]) {
    const uuid = uuidOrNull(name)
    const path = `${devicesPath}/${name}`
    if (uuid === null) {
      warnings.push({ path, message: 'is not a mediated device: its name is not a UUID' })
      continue
    }
    try {
      devices.push(readMdevDevice(files, uuid))
    } catch (error) {
      if (!failedWith(error, 'ENOENT')) warnings.push(unreadable(path, error))
    }
  }
  return { devices, warnings }
}

/** One device, or null if there is none. */
export function findMdevDevice(files: HostFiles, uuid: Uuid): MdevDevice | null {
  if (files.kind(mdevPath(uuid)) === null) return null
  try {
    return readMdevDevice(files, uuid)
  } catch (error) {
    if (failedWith(error, 'ENOENT')) return null
    throw error
  }
}

function readMdevDevice(files: HostFiles, uuid: Uuid): MdevDevice {
  const path = mdevPath(uuid)
  const target = files.readlink(path)
  const parent = lastName(target.slice(0, target.lastIndexOf('/')))
  const type = lastName(files.readlink(`${path}/mdev_type`))
  const group = iommuGroup(files, path)
  const node = group === null ? null : `/dev/vfio/${group}`
  const deviceNode = findDeviceNode(files, { group, name: uuid })?.path ?? null
  return { uuid, parent, type, group, node, deviceNode }
}

/** The device's nodes: whoever has one of these open has the device. */
export function nodesOf({ node, deviceNode }: MdevDevice): string[] {
  return [node, deviceNode].filter((it) => it !== null)
}

/** Names that its users are found by: its nodes, and its UUID, by which /proc may tell it. */
export function openedAs(device: MdevDevice): string[] {
  return [...nodesOf(device), device.uuid]
}

function lastName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}
