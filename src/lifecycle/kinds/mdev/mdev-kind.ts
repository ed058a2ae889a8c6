import { uuidOrNull } from '../../../base/units.ts'
import type { VirtualDeviceKind } from '../../device/virtual-device-kind.ts'
import { listMdevs } from './list-mdevs.ts'
import { readMdevDevices } from './mdev-devices.ts'
import { parentsOf } from './mdev-places.ts'
import { mdevBus, readMdevTypes } from './mdev-types.ts'

/** Mediated devices: named by a UUID, made in the sysfs folder of a parent's type, kept in mdevctl's own files. */
export const mdevKind: VirtualDeviceKind = {
  kind: 'mdev',
  takesName: (name) => uuidOrNull(name) !== null,
  // nothing else is named by a UUID, and one that is not there yet is made by its definition
  claims: (_, name) => uuidOrNull(name) !== null,
  claimsParent: (files, parent) => parentsOf(files, parent).length > 0,
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
  verbs: async () => (await import('./mdev-verbs.ts')).mdevVerbs,
}
