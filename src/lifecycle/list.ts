import { findDeviceUsers, usersOfAny } from '../host/device-users.ts'
import { type MdevDevice, nodesOf, readMdevDevices } from '../host/mdev-devices.ts'
import { parentName, readTypeName } from '../host/mdev-types.ts'
import type { Warning } from '../host/warning.ts'
import type { HostFiles } from '../kernel/kernel.ts'
import { parseUuid } from '../units.ts'
import { readDefinitions, type StoredDefinition } from './store.ts'
import type { VirtualDevice } from './virtual-device.ts'

export interface DeviceFilter {
  readonly uuid?: string
  readonly parent?: string
  readonly type?: string
  /** Only those that run, or only those that do not. */
  readonly active?: boolean
  /** Only those with a definition, or only those without. */
  readonly defined?: boolean
}

/** What runs and what is defined, told together: one entry for each UUID and parent, sorted by parent, then UUID. */
export function list(files: HostFiles, filter: DeviceFilter = {}): { devices: VirtualDevice[]; warnings: Warning[] } {
  const uuid = filter.uuid === undefined ? undefined : parseUuid(filter.uuid)
  const running = readMdevDevices(files, uuid)
  const stored = readDefinitions(files, uuid)
  const found = merge(running.devices, stored.definitions)
    .filter((entry) => matches(entry, filter, uuid))
    .sort(byParentThenUuid)
  const nodes = new Set(found.flatMap(({ running }) => (running === null ? [] : nodesOf(running))))
  const users = findDeviceUsers(files, nodes)
  const names = new Map<string, string | null>()
  const devices = found.map(({ uuid, parent, running, stored }): VirtualDevice => {
    const type = running?.type ?? stored?.definition.type ?? ''
    const key = `${parent}/${type}`
    if (!names.has(key)) names.set(key, readTypeName(files, parent, type))
    return {
      kind: 'mdev',
      uuid,
      parent,
      type,
      typeName: names.get(key) ?? null,
      active: running !== null,
      definition: stored?.definition ?? null,
      group: running?.group ?? null,
      node: running?.node ?? null,
      users: running === null ? [] : usersOfAny(users, nodesOf(running)),
    }
  })
  return { devices, warnings: [...running.warnings, ...stored.warnings] }
}

interface Entry {
  readonly uuid: MdevDevice['uuid']
  readonly parent: string
  readonly running: MdevDevice | null
  readonly stored: StoredDefinition | null
}

function merge(running: readonly MdevDevice[], stored: readonly StoredDefinition[]): Entry[] {
  const entries = new Map<string, Entry>()
  for (const device of running) {
    const { uuid, parent } = device
    entries.set(`${parent}/${uuid}`, { uuid, parent, running: device, stored: null })
  }
  for (const definition of stored) {
    const { uuid, parent } = definition
    const key = `${parent}/${uuid}`
    entries.set(key, { uuid, parent, running: entries.get(key)?.running ?? null, stored: definition })
  }
  return [...entries.values()]
}

function matches({ uuid, parent, running, stored }: Entry, filter: DeviceFilter, only: string | undefined): boolean {
  return (
    (only === undefined || uuid === only) &&
    (filter.parent === undefined || parent === parentName(filter.parent)) &&
    (filter.type === undefined || (running?.type ?? stored?.definition.type) === filter.type) &&
    (filter.active === undefined || (running !== null) === filter.active) &&
    (filter.defined === undefined || (stored !== null) === filter.defined)
  )
}

function byParentThenUuid(a: Entry, b: Entry): number {
  if (a.parent !== b.parent) return a.parent < b.parent ? -1 : 1
  return a.uuid < b.uuid ? -1 : a.uuid > b.uuid ? 1 : 0
}
