import { VfioError } from '../../base/errors.ts'
import { type PciAddress, printable, type Uuid } from '../../base/units.ts'
import { deviceNameOrNull } from '../../host/device-name.ts'
import { findDeviceUsers, usersOfAny } from '../../host/device-users.ts'
import type { Warning } from '../../host/warning.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import { parentMatcher } from '../device/parents.ts'
import type { DeviceState, VirtualDevice } from '../device/virtual-device.ts'
import { kinds } from './kinds.ts'

/** Virtual devices to list; all if empty. */
export interface DeviceFilter {
  /** A mediated device's UUID, or the PCI address of the function that is a vGPU. */
  readonly name?: string
  /** A card stands for its virtual functions too. */
  readonly parent?: string
  /** By id. */
  readonly type?: string
  /** Only those that run, or only those that do not. */
  readonly active?: boolean
  /** Only those with a definition, or only those without. */
  readonly defined?: boolean
}

/** Running and defined devices, told together: one entry for each device and parent, sorted by parent, then name. */
export function list(files: HostFiles, filter: DeviceFilter = {}): { devices: VirtualDevice[]; warnings: Warning[] } {
  const name = filter.name === undefined ? undefined : deviceIdentifier(filter.name)
  const asked = kinds.filter((kind) => name === undefined || kind.takesName(name))
  const all = asked.map((kind) => kind.list(files, name))
  const passes = passing(files, filter)
  const found = all.flatMap(({ listed }) => listed).filter(({ device }) => passes(device))
  const users = findDeviceUsers(files, new Set(found.flatMap((it) => it.openedAs)))
  for (const { device, openedAs } of found) if (device.active) device.users.push(...usersOfAny(users, openedAs))
  const devices = found.map(({ device }) => device).sort(byParentThenName)
  return { devices, warnings: all.flatMap(({ warnings }) => warnings) }
}

/** The name of a virtual device, parsed. INVALID_ARGUMENT for what is neither a UUID nor a PCI address. */
export function deviceIdentifier(text: string): Uuid | PciAddress {
  const name = deviceNameOrNull(text)
  if (name !== null) return name
  throw new VfioError('INVALID_ARGUMENT', `'${printable(text)}' is neither a UUID nor a PCI address`, {
    hint: 'vfioctl list; a UUID looks like 83b8f4f2-509f-382f-3c1e-e6bfe0fa1001, an address like 0000:41:00.4',
  })
}

function passing(files: HostFiles, filter: DeviceFilter): (device: DeviceState) => boolean {
  const isMeant = filter.parent === undefined ? undefined : parentMatcher(files, filter.parent)
  return (device) =>
    (isMeant === undefined || isMeant(device.parent)) &&
    (filter.type === undefined || device.type === filter.type) &&
    (filter.active === undefined || device.active === filter.active) &&
    (filter.defined === undefined || (device.definition !== null) === filter.defined)
}

function byParentThenName(a: VirtualDevice, b: VirtualDevice): number {
  if (a.parent !== b.parent) return a.parent < b.parent ? -1 : 1
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0
}
