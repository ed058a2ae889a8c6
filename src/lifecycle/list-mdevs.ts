import { type MdevDevice, nodesOf, readMdevDevices } from '../host/mdev-devices.ts'
import { readTypeName } from '../host/mdev-types.ts'
import type { Warning } from '../host/warning.ts'
import type { HostFiles } from '../kernel/kernel.ts'
import type { Uuid } from '../units.ts'
import { readDefinitions, type StoredDefinition } from './store.ts'
import { type Listed, type MdevIdentity, mdevIdentity } from './virtual-device.ts'

/** Mediated devices that run or are defined, or those of one UUID. */
export function listMdevs(files: HostFiles, only?: Uuid): { listed: Listed<MdevIdentity>[]; warnings: Warning[] } {
  const running = readMdevDevices(files, only)
  const stored = readDefinitions(files, only)
  const names = new Map<string, string | null>()
  const listed = merge(running.devices, stored.definitions).map(({ uuid, parent, running, stored }) => {
    const type = running?.type ?? stored?.definition.type ?? ''
    const key = `${parent}/${type}`
    if (!names.has(key)) names.set(key, readTypeName(files, parent, type))
    const device = {
      ...mdevIdentity(uuid),
      parent,
      type,
      typeName: names.get(key) ?? null,
      active: running !== null,
      definition: stored?.definition ?? null,
      group: running?.group ?? null,
      node: running?.node ?? null,
    }
    return { device, nodes: running === null ? [] : nodesOf(running) }
  })
  return { listed, warnings: [...running.warnings, ...stored.warnings] }
}

interface Entry {
  readonly uuid: Uuid
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
