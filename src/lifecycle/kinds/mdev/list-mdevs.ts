import type { Uuid } from '../../../base/units.ts'
import type { Warning } from '../../../host/warning.ts'
import type { HostFiles } from '../../../kernel/kernel.ts'
import type { Listed } from '../../device/virtual-device.ts'
import { type MdevDevice, openedAs, readMdevDevices } from './mdev-devices.ts'
import type { MdevIdentity } from './mdev-identity.ts'
import { readTypeName } from './mdev-types.ts'
import { readDefinitions, type StoredDefinition } from './store.ts'

/** Mediated devices that run or are defined, or those of one UUID. */
export function listMdevs(files: HostFiles, only?: Uuid): { listed: Listed<MdevIdentity>[]; warnings: Warning[] } {
  const running = readMdevDevices(files, only)
  const stored = readDefinitions(files, only)
  const names = new TypeNames(files)
  const listed = merge(running.devices, stored.definitions).map(({ uuid, parent, running, stored }) => {
    const type = running?.type ?? stored?.definition.type ?? ''
    const device: Listed<MdevIdentity>['device'] = {
      // not spread, which takes long
      kind: 'mdev',
      name: uuid,
      uuid,
      parent,
      type,
      typeName: names.of(parent, type),
      active: running !== null,
      definition: stored?.definition ?? null,
      group: running?.group ?? null,
      node: running?.node ?? null,
      users: [],
    }
    return { device, openedAs: running === null ? [] : openedAs(running) }
  })
  return { listed, warnings: [...running.warnings, ...stored.warnings] }
}

interface Entry {
  readonly uuid: Uuid
  readonly parent: string
  readonly running: MdevDevice | null
  readonly stored: StoredDefinition | null
}

/** The kernel runs a UUID once, whatever the parent; the store may hold it under several. */
function merge(running: readonly MdevDevice[], stored: readonly StoredDefinition[]): Entry[] {
  const undefinedYet = new Map(running.map((device) => [device.uuid, device]))
  const defined = stored.map((definition) => {
    const { uuid, parent } = definition
    const device = undefinedYet.get(uuid)
    if (device?.parent !== parent) return { uuid, parent, running: null, stored: definition }
    undefinedYet.delete(uuid)
    return { uuid, parent, running: device, stored: definition }
  })
  const transient = Array.from(undefinedYet.values(), (device) => ({
    uuid: device.uuid,
    parent: device.parent,
    running: device,
    stored: null,
  }))
  return [...defined, ...transient]
}

/** Each read once: thousands of devices are of few types. */
class TypeNames {
  readonly #files: HostFiles
  readonly #ofParent = new Map<string, Map<string, string | null>>()

  constructor(files: HostFiles) {
    this.#files = files
  }

  of(parent: string, type: string): string | null {
    const names = this.#ofParent.get(parent) ?? new Map<string, string | null>()
    this.#ofParent.set(parent, names)
    const known = names.get(type)
    if (known !== undefined) return known
    const name = readTypeName(this.#files, parent, type)
    names.set(type, name)
    return name
  }
}
