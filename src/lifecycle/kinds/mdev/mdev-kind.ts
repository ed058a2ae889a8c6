import { parseUuid, type Uuid, uuidOrNull } from '../../../base/units.ts'
import type { HostFiles } from '../../../kernel/kernel.ts'
import { isFound } from '../../device/type-named.ts'
import type { VirtualDeviceKind } from '../../device/virtual-device-kind.ts'
import { notKnown } from './device-choice.ts'
import { listMdevs } from './list-mdevs.ts'
import { findMdevDevice, readMdevDevices } from './mdev-devices.ts'
import { parentsOf } from './mdev-places.ts'
import { mdevBus, mdevParents, readMdevTypes } from './mdev-types.ts'
import { definitionPath, readDefinitions, storePath } from './store.ts'
import { findType } from './type-choice.ts'

/** Mediated devices: named by a UUID, made in the sysfs folder of a parent's type, kept in mdevctl's own files. */
export const mdevKind: VirtualDeviceKind = {
  kind: 'mdev',
  takesName: (name) => uuidOrNull(name) !== null,
  // nothing else is named by a UUID, and one that is not there yet is made by its definition
  claims: (_, name) => uuidOrNull(name) !== null,
  plural: 'mediated devices',
  parents: (files) => mdevParents(files) ?? [],
  claimsParent: (files, parent) => parentsOf(files, parent).length > 0,
  placesOn: parentsOf,
  hasType(files, card, name) {
    const [parent] = parentsOf(files, card)
    return parent !== undefined && isFound(() => findType(files, parent, name))
  },
  types(files, filter) {
    const { types, warnings } = readMdevTypes(files, filter)
    const isLack = ({ path }: { readonly path: string }) => path === mdevBus
    return {
      types,
      warnings: warnings.filter((it) => !isLack(it)),
      unsupported: warnings.find(isLack) ?? null,
    }
  },
  list: (files, name) => listMdevs(files, name === undefined ? undefined : (uuidOrNull(name) ?? undefined)),
  usesOf(files, address) {
    const [first, ...others] = readMdevDevices(files).devices.filter(({ parent }) => parent === address)
    if (first === undefined) return []
    const uuids = [first, ...others].map(({ uuid }) => uuid)
    return [{ what: `mediated devices run on it: ${uuids.join(', ')}`, end: `vfioctl stop ${first.uuid}` }]
  },
  keptForBoot(files) {
    const { definitions, warnings } = readDefinitions(files)
    const kept = definitions
      .filter(({ definition }) => definition.start === 'auto')
      .map(({ uuid, parent, definition }) => ({
        kind: 'mdev',
        device: uuid,
        parent,
        what: `${definition.type} on ${parent}, auto`,
        now: stateOf(files, uuid, parent),
        path: definitionPath(parent, uuid),
        forget: `vfioctl undefine -u ${uuid} -p ${parent}`,
      }))
    return { kept, warnings }
  },
  definitionFolder: storePath,
  notThere: (_, name) => notKnown(parseUuid(name)),
  missingOn: () => null,
  hasShares: false,
  writesBeforeFunctions: () => [],
  withoutPart: () => [],
  verbs: async () => (await import('./mdev-verbs.ts')).mdevVerbs,
}

function stateOf(files: HostFiles, uuid: Uuid, parent: string): string {
  if (files.kind(`${mdevBus}/${parent}`) === null) return 'parent not there'
  return findMdevDevice(files, uuid) === null ? 'does not run' : 'runs'
}
