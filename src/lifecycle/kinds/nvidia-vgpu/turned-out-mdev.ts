import { parsePciAddress, type Uuid } from '../../../base/units.ts'
import { readPhysicalFunction } from '../../../host/sriov.ts'
import type { HostFiles } from '../../../kernel/kernel.ts'
import { sameDefinition } from '../../definition/definition.ts'
import { nodeOwners } from '../../settings/node-owners.ts'
import { isOwnerKept } from '../../wanted/owner-setting.ts'
import type { Verb } from '../../wanted/plan.ts'
import { derivedUuid } from '../mdev/derived-uuid.ts'
import { findMdevDevice } from '../mdev/mdev-devices.ts'
import { mdevIdentity, type PlannedMdev } from '../mdev/mdev-identity.ts'
import { parentsOf } from '../mdev/mdev-places.ts'
import { definedParents, readDefinitions, type StoredDefinition } from '../mdev/store.ts'
import { findTypeId } from '../mdev/type-choice.ts'
import { readVgpuFunction } from './vgpu-functions.ts'
import type { PlannedVgpu } from './vgpu-identity.ts'
import { knownTypes } from './vgpu-type-names.ts'

/** Said of a device whose function is to come: only the driver tells, with the function, which of both it will be. */
export function reasonToCome(files: HostFiles, card: string): string {
  // the driver proposed for the kernel makes no mediated devices
  const driver = readPhysicalFunction(files, parsePciAddress(card))?.driver ?? null
  const isOpen = driver !== null && driver !== 'nvidia'
  return isOpen ? 'is not there' : 'is not there; it will be a mediated device if the driver makes those'
}

/**
 * The planned vGPU as a mediated device: for a function that has come as a parent of those, as NVIDIA's driver has it
 * before vGPU 17. Null for any other. NOT_FOUND if the parent has no such type.
 */
export function turnedOutMdev(files: HostFiles, item: PlannedVgpu): PlannedMdev | null {
  const { name: parent, wanted, ...rest } = item
  if (wanted === null || readVgpuFunction(files, parent) !== null) return null
  if (!parentsOf(files, parent).includes(parent)) return null
  const name = knownTypes(files).find(({ id }) => String(id) === wanted.type)?.name ?? wanted.type
  const definition = { ...wanted, type: findTypeId(files, parent, name) }
  const { type } = definition
  const known = definedThere(files, parent, type)
  const uuid = known?.uuid ?? freeUuid(files, parent, type)
  const stored = known?.definition ?? null
  const verbs: Verb[] = [
    ...(stored !== null && sameDefinition(stored, definition) ? [] : ['define' as const]),
    ...(isOwnerKept(files, uuid, item.owner) ? [] : ['keep-owner' as const]),
    'start',
  ]
  const storedOwner = nodeOwners.readOrNone(files, uuid)
  return { ...rest, ...mdevIdentity(uuid), parent, type, wanted: definition, verbs, running: null, stored, storedOwner }
}

/** The device that was defined on that function the last time that it was there. */
function definedThere(files: HostFiles, parent: string, type: string): StoredDefinition | null {
  const { definitions } = readDefinitions(files)
  const its = definitions.find((it) => it.parent === parent && it.definition.type === type)
  return its === undefined || findMdevDevice(files, its.uuid) !== null ? null : its
}

function freeUuid(files: HostFiles, parent: string, type: string): Uuid {
  for (let n = 0; ; n++) {
    const uuid = derivedUuid({ parent, type }, n)
    if (findMdevDevice(files, uuid) === null && definedParents(files, uuid).length === 0) return uuid
  }
}
